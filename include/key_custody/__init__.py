"""Where secret keys are kept and how they are opened: files, HashiCorp Vault or a PKCS#11 module. Knows no zone."""
