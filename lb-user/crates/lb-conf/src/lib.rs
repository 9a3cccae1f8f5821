//! The configuration: lexer, syntax tree, diagnostics, keyword tables and the resolved model.
