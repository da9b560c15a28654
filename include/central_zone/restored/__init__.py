"""After a restore: what the store lacks, how it comes back, and who said that it may go on."""
