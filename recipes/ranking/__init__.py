"""How the answers of balls are ranked: clicks on composed scenes and objects, and trees grown on their signs."""
