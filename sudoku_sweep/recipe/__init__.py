"""What makes training faster or better than the plain loop does; to understand ``train.fit``, none of it is needed."""
