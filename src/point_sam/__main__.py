"""`python -m point_sam` is `point-sam`."""

from point_sam.cli import main

if __name__ == "__main__":
    main()
