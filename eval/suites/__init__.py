"""What is measured: each suite lists its pictures, references and human scores; `table.py` has them all."""
