"""Training runs through our own packed forward pass; it must be the stock model's."""

import random

import pytest
import torch

from guiground.nano import architecture as arch
from guiground.nano import labels, questions, windows
from guiground.nano.measure import greedy
from guiground.nano.packed import Packed
from guiground.nano.scenes import draw
from guiground.nano.shared_prefix import attend, attend_some, masked


@pytest.fixture(scope="module")
def model():
    model = arch.new_model(seed=1).eval()
    with torch.no_grad():  # weights scaled up, so that context matters
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "merger" not in name:
                parameter.mul_(3)
    return model


def stock_inputs(image, ids):
    from PIL import Image
    from transformers import Qwen2VLImageProcessorPil

    processor = Qwen2VLImageProcessorPil(
        patch_size=arch.PATCH,
        merge_size=arch.MERGE,
        temporal_patch_size=1,
        do_resize=False,
        image_mean=arch.IMAGE_MEAN,
        image_std=arch.IMAGE_STD,
    )
    inputs = dict(processor(Image.fromarray(image), return_tensors="pt"))
    return inputs | {"input_ids": ids, "mm_token_type_ids": (ids == arch.IMAGE).int()}


@pytest.mark.parametrize("size", [(256, 128), (352, 288), (160, 416)])
def test_window_by_window_vision_equals_the_stock_tower(model, size):
    image = labels.padded(draw(1, *size, "rows").image)
    inputs = stock_inputs(image, torch.zeros(1, 1, dtype=torch.long))
    with torch.no_grad():
        stock = model.model.visual(inputs["pixel_values"], inputs["image_grid_thw"]).pooler_output
        ours = windows.features(model.model.visual, image).flatten(0, 1)
    assert torch.allclose(stock, ours, atol=1e-4)
    assert stock.std() > 0.01


def test_packed_questions_equal_the_stock_model_asked_one_by_one(model):
    scene = draw(1, 320, 256, "rows")
    batch = questions.pack(random.Random(0), [questions.visible(scene.elements, 0, 0, 320, 256)], 8, 10, 11)
    with torch.no_grad():
        picture = windows.features(model.model.visual, scene.image)[None]
        hidden, pointer, _ = Packed(model.model.language_model, picture, batch.questions).run(batch.answers)
        ours = hidden @ model.model.language_model.embed_tokens.weight.T
        for q in range(batch.questions.shape[1]):
            asked = batch.questions[0, q, : int(batch.answers[0, q]) + 11].tolist()
            ids = [arch.START, arch.VISION_START, *[arch.IMAGE] * 80, arch.VISION_END, arch.GROUND, *asked]
            stock = model(**stock_inputs(scene.image, torch.tensor([ids]))).logits[0, -11:-1]
            assert torch.allclose(stock, ours[0, q], atol=2e-4)
    assert pointer.shape == (1, batch.questions.shape[1], 9, 4, 80)


def test_greedy_answers_equal_generate(model):
    scene = draw(2, 256, 128, "rows")
    batch = questions.pack(random.Random(0), [questions.visible(scene.elements, 0, 0, 256, 128)], 4, 8, 3)
    zero = arch.VOCABULARY["0"]
    with torch.no_grad():
        picture = windows.features(model.model.visual, scene.image)[None]
        points, _, _ = greedy(model, picture, batch)
    for q in range(batch.questions.shape[1]):
        asked = batch.questions[0, q, : int(batch.answers[0, q]) + 1].tolist()
        ids = torch.tensor([[arch.START, arch.VISION_START, *[arch.IMAGE] * 32, arch.VISION_END, arch.GROUND, *asked]])
        scores = model.generate(
            **stock_inputs(scene.image, ids),
            max_new_tokens=9,
            min_new_tokens=9,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            pad_token_id=0,
        ).logits
        digits = [int(step[0, zero : zero + 10].argmax()) for step in scores]
        x = sum(d * 10 ** (3 - i) for i, d in enumerate(digits[:4]))
        assert points[0, q, 0] == x


def test_shared_prefix_attention_and_its_gradients_equal_masked_attention():
    torch.manual_seed(0)
    tensors = [torch.randn(2, 4, tokens, 8, requires_grad=True) for tokens in (15, 33, 33, 15, 15)]
    weight = torch.randn(2, 4, 15, 8)
    ours, reference = (attention(*tensors, 3) for attention in (attend, masked))
    assert torch.allclose(ours, reference, atol=1e-5)
    ours, reference = (torch.autograd.grad(output, tensors, weight) for output in (ours, reference))
    for one, other in zip(ours, reference, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_attention_of_some_positions_equals_all_of_it():
    torch.manual_seed(0)
    tensors = [torch.randn(2, 4, tokens, 8, requires_grad=True) for tokens in (15, 33, 33, 15, 15)]
    places = torch.tensor([[[0, 3], [1, 2], [4, 4]], [[2, 4], [0, 1], [3, 4]]])

    def chosen(x):  # [pictures, heads, questions * 5, dim] -> the same with two positions a question
        index = places[:, None, :, :, None].expand(-1, 4, -1, -1, 8)
        return x.unflatten(2, (3, 5)).gather(3, index).flatten(2, 3)

    query, *rest = tensors
    ours, reference = attend_some(chosen(query), *rest, places, 3), chosen(masked(*tensors, 3))
    assert torch.allclose(ours, reference, atol=1e-5)
    weight = torch.randn_like(reference)
    ours, reference = (torch.autograd.grad(output, tensors, weight) for output in (ours, reference))
    for one, other in zip(ours, reference, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
