"""Plain building blocks of the network. Nothing here knows about files, voices or languages."""
