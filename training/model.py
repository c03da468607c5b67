"""The model: Whisper's architecture, very small, and the help it needs while it learns.

The layers are those of `transformers`; only the encoder's forward pass is written out here,
because theirs insists on windows of 30 s and this one learns on shorter ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperForConditionalGeneration

from tokens import Ids
from words import WORDS


def configure(ids: Ids) -> WhisperConfig:
    return WhisperConfig(
        vocab_size=ids.count,
        num_mel_bins=80,
        d_model=128,
        encoder_layers=3,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        max_source_positions=1500,
        max_target_positions=448,
        dropout=0.0,
        pad_token_id=ids.end,
        bos_token_id=ids.end,
        eos_token_id=ids.end,
        decoder_start_token_id=ids.start,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )


def scale_to_fan_in(model: nn.Module) -> None:
    """Weights of variance 1 / fan-in, and more for the convolutions.

    With the library's default of 0.02 what the convolutions say of the sound drowns in the
    position code, and for minutes nothing is learned.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d):
            fan_in = module.weight[0].numel()
            gain = 2.0 if isinstance(module, nn.Conv1d) else 1.0  # gelu takes its share
            nn.init.normal_(module.weight, std=gain / math.sqrt(fan_in))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Learner(nn.Module):
    """The Whisper, and a word-level CTC head on its encoder that is thrown away afterwards.

    The head tells the encoder early where the words are; the decoder's attention finds them
    much sooner then.
    """

    def __init__(self, ids: Ids) -> None:
        super().__init__()
        self.ids = ids
        config = configure(ids)
        config._attn_implementation = "eager"
        self.whisper = WhisperForConditionalGeneration(config)
        scale_to_fan_in(self.whisper)
        width = self.whisper.config.d_model
        nn.init.normal_(self.whisper.model.decoder.embed_tokens.weight, std=1 / math.sqrt(width))
        self.head = nn.Linear(width, len(WORDS) + 1)

    def encode(self, mels: Tensor) -> Tensor:
        """Mels (batch, 80, frames), an even number of frames, to (batch, frames / 2, width)."""
        encoder = self.whisper.model.encoder
        states = nn.functional.gelu(encoder.conv1(mels))
        states = nn.functional.gelu(encoder.conv2(states)).transpose(1, 2)
        states = states + encoder.embed_positions.weight[: states.shape[1]]
        for layer in encoder.layers:
            states = layer(states, None)
        return encoder.layer_norm(states)

    def decode(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Logits (batch, tokens, vocabulary)."""
        decoder = self.whisper.model.decoder
        hidden = decoder(input_ids=tokens, encoder_hidden_states=states, use_cache=False)
        return self.whisper.proj_out(hidden.last_hidden_state)

    def losses(self, mels: Tensor, inputs: Tensor, targets: Tensor, labels: list[Tensor]) -> Tensor:
        """The decoder's cross entropy and half the CTC loss. Targets of -100 do not count."""
        states = self.encode(mels)
        logits = self.decode(inputs, states).float()
        spoken = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        scores = self.head(states).float().log_softmax(-1).transpose(0, 1)
        heard = nn.functional.ctc_loss(
            scores,
            torch.cat(labels),
            torch.full((len(labels),), scores.shape[0]),
            torch.tensor([len(label) for label in labels]),
            blank=len(WORDS),
            zero_infinity=True,
        )
        return spoken + 0.5 * heard

    @torch.no_grad()
    def greedy(self, mels: Tensor, most: int = 20) -> list[list[int]]:
        """The likeliest token, one after the other, without timestamps."""
        states = self.encode(mels)
        tokens = torch.tensor([[self.ids.start, self.ids.no_timestamps]] * len(mels))
        for _ in range(most):
            best = self.decode(tokens, states)[:, -1:, : self.ids.end + 1].argmax(-1)
            tokens = torch.cat((tokens, best), 1)
            if (tokens == self.ids.end).any(1).all():
                break
        said = [row[2:] for row in tokens.tolist()]
        return [row[: row.index(self.ids.end)] if self.ids.end in row else row for row in said]
