"""Plain `nn.Module` definitions that several tests share."""
