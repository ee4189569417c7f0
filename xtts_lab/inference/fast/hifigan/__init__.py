"""HiFi-GAN as a GPU runs it fastest."""
