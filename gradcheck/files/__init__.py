"""Every file and message that others wrote comes in here: bytes, JSON, TOML, arrays; what is damaged or too large is refused, in bounded time and memory."""
