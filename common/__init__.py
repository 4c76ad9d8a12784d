"""What every command shares: presets, build folders, and how a user's mistake is reported."""
