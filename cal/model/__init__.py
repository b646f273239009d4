"""Encoders, fusion and the network: encoders -> [slot] -> fusion -> heads."""
