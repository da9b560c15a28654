"""What both zones know, and nothing else: the canonical tables, the parcel, the manifest, the policy."""
