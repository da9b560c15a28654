"""The GPDPR supplier schema 0.77. `adapter` reads gzipped XML as a stream; see docs/gpdpr_xml.md."""
