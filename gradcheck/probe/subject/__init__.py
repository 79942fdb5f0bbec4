"""The thing under test: f and its doubted derivative, over flat lists of arrays, whoever wrote them."""
