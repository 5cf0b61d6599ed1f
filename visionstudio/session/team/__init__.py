"""Several people on the same pictures, without a server: merge, agree, share the work, count."""
