"""Russian, Polish and Czech cardinals in the case that something beside them asks for."""
