"""Small published restoration networks, written anew from their papers, that read the published weights."""
