"""What can be asked for: words that name one target."""

from guiground.errors import UsageError

MAX_INSTRUCTION = 1000  # characters


def check_instruction(instruction: str) -> str:
    """The instruction, if it is text of 1 to MAX_INSTRUCTION characters; otherwise UsageError."""
    if not instruction.strip():
        raise UsageError('the instruction is empty (say what to find, such as "the Save button")')
    if len(instruction) > MAX_INSTRUCTION:
        found = f"{len(instruction):,} characters, where {MAX_INSTRUCTION:,} are allowed"
        raise UsageError(f"the instruction has {found} (name one target in a few words)")
    if any("\ud800" <= character <= "\udfff" for character in instruction):  # bytes of the command line in no encoding
        raise UsageError(f"the instruction {instruction!r} is no valid text (write it in UTF-8)")
    return instruction
