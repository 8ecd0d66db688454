"""Pictures of workflows and runs: a document becomes a sketch, a sketch becomes SVG, Mermaid or lines."""
