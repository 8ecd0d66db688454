"""The language: document to program, expressions, data flow."""
