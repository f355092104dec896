"""What a training process may touch: planned from its job, and enforced by the kernel (Landlock and seccomp)."""
