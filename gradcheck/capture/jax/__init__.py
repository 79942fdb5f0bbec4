"""JAX functions recorded: the equations of a jaxpr, run one by one, with the adjoint of every value."""
