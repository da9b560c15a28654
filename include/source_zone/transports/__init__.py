"""One file a way in. A transport brings a practice's files to a folder of the source zone."""
