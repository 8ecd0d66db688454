"""What the agents of the pipeline know: documents, Markdown, checks, the site."""
