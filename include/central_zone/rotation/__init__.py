"""Rotation: practices go over to a newer token key, one bridge each; then the old key retires."""
