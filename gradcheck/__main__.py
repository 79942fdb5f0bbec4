"""``python -m gradcheck``."""

from gradcheck.cli.main import main

if __name__ == "__main__":
    main()
