"""Speech in pieces, for one listener or many: when a piece is made, by what, and for whom."""
