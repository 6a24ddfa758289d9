"""What makes training faster or better and changes none of its meaning; who wants to learn may skip the room."""
