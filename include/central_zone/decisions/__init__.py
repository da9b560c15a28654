"""What a steward needs to decide on a held parcel, and what policy asks of the decision."""
