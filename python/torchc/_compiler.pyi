def compile_file(
    input: str,
    output: str,
    emit: str,
    input_shapes: list[str],
    target_cpu: str,
    trust_model: bool,
    dump_stages: str,
    parameters: tuple[str, str] | None,
    custom_ops: list[str],
) -> tuple[int, list[tuple[str, str]]]: ...
