"""What a relay's clients lose when its processes die, hang or are replaced; asked of the clients, never of the relay."""
