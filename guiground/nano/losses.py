"""What training asks of the model, and the small heads that only training has."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guiground.nano import architecture as arch
from guiground.nano.labels import BLANK, SLOTS
from guiground.nano.questions import Batch
from guiground.nano.scenes.lexicon import groups

CLASSES = BLANK + 1
BLANK_WEIGHT = 0.15
# thousands, hundreds, tens, ones of x; comma; the same of y; <end>. The last digit is below a pixel that matters.
DIGIT_WEIGHTS = [1.0, 1.0, 1.0, 0.3, 0.1, 1.0, 1.0, 1.0, 0.3, 0.1]
PLACE_WEIGHTS = [1.0, 1.0, 1.0, 0.3]  # of a token's place, likewise


class Heads(nn.Module):
    """Readers of characters, icons, places and of what a question means; thrown away after training."""

    def __init__(self):
        super().__init__()
        self.merged = nn.Linear(256, SLOTS * CLASSES)
        self.patch = nn.Linear(128, 2 * CLASSES)
        self.place = nn.Linear(256, 80)
        self.icon = nn.Linear(256, len(groups()))
        self.meaning = nn.Linear(256, len(groups()))


def reading(heads: Heads, merged: Tensor, states: Tensor, slots: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Character loss of windows. merged [windows, tokens, 256], states [windows, patches, 128], slots as in labels."""
    weight = torch.ones(CLASSES, device=merged.device)
    weight[BLANK] = BLANK_WEIGHT
    token_logits = heads.merged(merged).float().view(-1, CLASSES)
    patch_logits = heads.patch(states).float().view(-1, CLASSES)
    patch_slots = slots.view(*slots.shape[:2], 16, 2)
    loss = F.cross_entropy(token_logits, slots.reshape(-1), weight)
    patch_loss = F.cross_entropy(patch_logits, patch_slots.reshape(-1), weight)
    with torch.no_grad():
        written = slots.reshape(-1) != BLANK
        token_right = (token_logits.argmax(-1) == slots.reshape(-1))[written].float().mean()
        patch_right = (patch_logits.argmax(-1) == patch_slots.reshape(-1))[written].float().mean()
    facts = {"char": float(loss.detach()), "read": float(token_right), "patch": float(patch_right)}
    return loss + patch_loss, facts


def seeing(heads: Heads, tokens: Tensor, pairs: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Icon loss of a picture's tokens [tokens, 256], with `pairs` [pairs, 3] as labels.icon_tokens gives them."""
    logits = heads.icon(tokens[pairs[:, 0].long()]).float()
    number, share = pairs[:, 1].long(), pairs[:, 2]
    loss = (F.cross_entropy(logits, number, reduction="none") * share).sum() / share.sum()
    right = (logits.argmax(-1) == number)[share > 0.4].float()
    return loss, {"icon": float(loss.detach())} | ({"seen": float(right.mean())} if len(right) else {})


def grounding(heads: Heads, packed, embed: Tensor, batch: Batch, weight: float = 1.0):
    """Losses of packed questions: their sum, a dictionary of facts, the answers' logits. `weight` is the answer's."""
    shares, known = batch.shares, batch.known
    hidden, pointer, states = packed.run(batch.answers, batch.traces)
    logits = F.linear(hidden, embed).float()
    steps = batch.answers[..., None] + 1 + torch.arange(10, device=logits.device)
    target = batch.questions.gather(2, steps)
    digit = F.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view(target.shape)
    weights = known[..., None] * torch.tensor(DIGIT_WEIGHTS, device=digit.device) * (target != arch.PAD)
    answer_loss = (digit * weights).sum() / weights.sum()

    aimed = known * (shares.sum(-1) > 0)
    log_share = F.log_softmax(pointer, dim=-1)  # [pictures, questions, positions, heads, tokens]
    # The first position searches; the later ones already see digits of the answer.
    pointing = -(shares[:, :, None, None] * log_share).sum(-1).mean(3)  # [pictures, questions, positions]
    pointing = pointing[..., 0] + 2.0 * pointing[..., 1:].mean(-1)
    pointer_loss = (pointing * aimed).sum() / aimed.sum().clamp(min=1)

    traces = batch.traces[batch.traces >= 0]
    trace_logits = packed.traced
    trace_loss = F.cross_entropy(trace_logits.flatten(0, 1), traces.repeat_interleave(trace_logits.shape[1]))

    meant = batch.groups >= 0  # questions for icons: what they mean must be clear before the search begins
    meaning_loss = F.cross_entropy(
        heads.meaning(F.rms_norm(packed.meant.float(), (packed.meant.shape[-1],)))[meant].float(), batch.groups[meant]
    )

    place_logits = heads.place(states).float().view(states.shape[0], -1, 10)
    place = F.cross_entropy(place_logits.flatten(0, 1), batch.places.flatten(), reduction="none")
    place = place.view(*batch.places.shape) @ torch.tensor(2 * PLACE_WEIGHTS, device=place.device)
    place_loss = (place * batch.marked).sum() / batch.marked.sum() / (2 * sum(PLACE_WEIGHTS))
    with torch.no_grad():
        best = log_share[:, :, 0, -1].argmax(-1)
        on_target = shares.gather(2, best[..., None]).squeeze(-1) > 0.1
        facts = {
            "answer": float(answer_loss),
            "pointer": float(pointer_loss),
            "place": float(place_loss),
            "trace": float(trace_loss),
            "traced": float((trace_logits[:, -1].argmax(-1) == traces).float().mean()),
            "pointed": float((on_target * aimed).sum() / aimed.sum().clamp(min=1)),
        }
        icons = aimed * meant
        if icons.sum():
            facts |= {"icons": float((on_target * icons).sum() / icons.sum()), "meaning": float(meaning_loss)}
        if (absent := known * (shares.sum(-1) == 0)).sum():
            refused = (logits[:, :, 0].argmax(-1) == arch.VOCABULARY["n"]).float()
            facts["refused"] = float((refused * absent).sum() / absent.sum())
            facts["denied"] = float((refused * aimed).sum() / aimed.sum().clamp(min=1))
    loss = weight * answer_loss + pointer_loss + place_loss + trace_loss.nan_to_num()
    return loss + 0.3 * meaning_loss.nan_to_num(), facts, logits.detach()


def decoded(logits: Tensor) -> Tensor:
    """Points from the logits of the answer's positions, digit by digit  # [..., 2] pixels."""
    zero = arch.VOCABULARY["0"]
    digits = logits[..., zero : zero + 10].argmax(-1).float()
    scale = torch.tensor([1000.0, 100.0, 10.0, 1.0], device=logits.device)
    return torch.stack([(digits[..., 0:4] * scale).sum(-1), (digits[..., 5:9] * scale).sum(-1)], dim=-1)
