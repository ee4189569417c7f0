"""Plan, synthesise, measure, score, summarise."""
