package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.moka.RequestException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepLoopTest {
  private static final int VOCABULARY = 50;
  private static final int BLOCKS = 32;
  private static final int CONTEXT = 200;

  private final FakeModel model = new FakeModel(VOCABULARY, BLOCKS);
  private final BlockAllocator blocks = new BlockAllocator(BLOCKS);

  private StepLoop loop(int chunkRows, Integer... endIds) {
    EngineState state = new EngineState(model, blocks, CONTEXT, chunkRows);
    return new StepLoop(state, Optional.empty(), Set.of(endIds));
  }

  private static Request request(List<Integer> prompt, int maxTokens, SamplingOptions sampling) {
    return request(prompt, maxTokens, sampling, new Cancellation());
  }

  private static Request cancellable(List<Integer> prompt, Cancellation cancellation) {
    return request(prompt, 100, SamplingOptions.GREEDY, cancellation);
  }

  private static Request request(
      List<Integer> prompt, int maxTokens, SamplingOptions sampling, Cancellation cancellation) {
    return new Request(
        prompt, sampling, maxTokens, List.of(), false, false, TokenListener.NONE, cancellation);
  }

  private static List<Integer> prompt(long seed, int length) {
    Random random = new Random(seed);
    return IntStream.range(0, length).mapToObj(i -> random.nextInt(VOCABULARY)).toList();
  }

  private List<Integer> greedily(List<Integer> prompt, int tokens) {
    List<Integer> all = new ArrayList<>(prompt);
    for (int i = 0; i < tokens; i++) {
      all.add(model.bestAfter(all));
    }
    return all.subList(prompt.size(), all.size());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 512})
  void chunksOfThePromptChangeNothing(int chunkRows) {
    List<Integer> prompt = prompt(1, 100);
    Completion completion =
        loop(chunkRows).generateAll(List.of(request(prompt, 50, SamplingOptions.GREEDY))).get(0);
    assertThat(completion.ids()).isEqualTo(greedily(prompt, 50));
    assertThat(completion.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(model.mostRows).isEqualTo(Math.min(chunkRows, 100));
    assertThat(model.steps).isEqualTo((100 + chunkRows - 1) / chunkRows + 49);
    assertThat(completion.timings().promptTokens()).isEqualTo(100);
    assertThat(completion.timings().decodeTokens()).isEqualTo(49);
    assertThat(completion.timings().decodeNanos()).isPositive();
    assertThat(completion.timings().promptTokensPerSecond()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void manyTogetherEqualEachAlone(long seed) {
    Random random = new Random(seed);
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < 90; i++) {
      SamplingOptions sampling =
          new SamplingOptions(1, 0, 0.9, 0, 1.2, 0.1, 0.1, Map.of(), random.nextLong());
      int length = 1 + random.nextInt(i % 10 == 0 ? 150 : 20);
      requests.add(request(prompt(random.nextLong(), length), 1 + random.nextInt(30), sampling));
    }
    StepLoop loop = loop(24, 3, 4);
    List<Completion> together = loop.generateAll(requests);
    assertThat(model.mostSampled).isGreaterThan(5);
    for (int i = 0; i < requests.size(); i++) {
      Completion alone = loop.generateAll(List.of(requests.get(i))).get(0);
      assertThat(together.get(i).ids()).as("seed %d, request %d", seed, i).isEqualTo(alone.ids());
      assertThat(together.get(i).finishReason()).isEqualTo(alone.finishReason());
    }
    assertThat(blocks.available()).isEqualTo(BLOCKS);
  }

  @Test
  void endTokensEnd() {
    List<Integer> prompt = prompt(2, 5);
    List<Integer> expected = greedily(prompt, 30);
    int end = expected.get(20);
    int first = expected.indexOf(end);
    Request request = request(prompt, 30, SamplingOptions.GREEDY);
    Completion completion = loop(512, end).generateAll(List.of(request)).get(0);
    assertThat(completion.ids()).isEqualTo(expected.subList(0, first + 1));
    assertThat(completion.finishReason()).isEqualTo(FinishReason.STOP);
    Request ignoring =
        new Request(
            prompt,
            SamplingOptions.GREEDY,
            30,
            List.of(),
            true,
            false,
            TokenListener.NONE,
            new Cancellation());
    assertThat(loop(512, end).generateAll(List.of(ignoring)).get(0).ids()).isEqualTo(expected);
  }

  @Test
  void theContextEndsTheText() {
    List<Integer> prompt = prompt(3, CONTEXT - 5);
    Request request = request(prompt, Integer.MAX_VALUE, SamplingOptions.GREEDY);
    Completion completion = loop(64).generateAll(List.of(request)).get(0);
    assertThat(completion.ids()).isEqualTo(greedily(prompt, 5));
    assertThat(completion.finishReason()).isEqualTo(FinishReason.LENGTH);
  }

  @Test
  void aPromptThatFillsTheContextGeneratesNothing() {
    Request request = request(prompt(4, CONTEXT), 10, SamplingOptions.GREEDY);
    Completion completion = loop(64).generateAll(List.of(request)).get(0);
    assertThat(completion.ids()).isEmpty();
    assertThat(completion.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(completion.timings().decodeTokensPerSecond()).isZero();
    assertThat(model.steps).isZero();
  }

  @Test
  void aPromptLongerThanTheContextIsRefused() {
    Request request = request(prompt(5, CONTEXT + 1), 10, SamplingOptions.GREEDY);
    assertThatThrownBy(() -> loop(64).generateAll(List.of(request)))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("has 201 tokens, but the context holds 200");
  }

  @Test
  void requestsOutOfRangeAreRefused() {
    assertThatThrownBy(() -> request(List.of(), 1, SamplingOptions.GREEDY))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("prompt is empty");
    assertThatThrownBy(() -> request(List.of(1), 0, SamplingOptions.GREEDY))
        .hasMessage("maxTokens must be at least 1, not 0");
    Request unknown = request(List.of(1, VOCABULARY), 1, SamplingOptions.GREEDY);
    assertThatThrownBy(() -> loop(64).generateAll(List.of(unknown)))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("token 1 is 50; the model's tokens are 0 to 49");
  }

  @Test
  void cancellingTakesEffectWithinAStep() {
    Cancellation cancellation = new Cancellation();
    Request endless = cancellable(prompt(6, 10), cancellation);
    Request other = request(prompt(7, 10), 20, SamplingOptions.GREEDY);
    model.afterStep(() -> {
      if (model.steps == 5) {
        cancellation.cancel();
      }
    });
    List<Completion> completions = loop(512).generateAll(List.of(endless, other));
    assertThat(completions.get(0).finishReason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(completions.get(0).ids()).hasSize(4);
    assertThat(completions.get(1).ids()).isEqualTo(greedily(prompt(7, 10), 20));
    assertThat(blocks.available()).isEqualTo(BLOCKS);
  }

  @Test
  void aStepThatNobodyWantsEndsAtOnce() {
    Cancellation first = new Cancellation();
    Cancellation second = new Cancellation();
    model.betweenLayers(() -> {
      if (model.steps == 3) {
        first.cancel();
      } else if (model.steps == 6) {
        second.cancel();
      }
    });
    List<Completion> completions =
        loop(512)
            .generateAll(
                List.of(cancellable(prompt(6, 10), first), cancellable(prompt(7, 10), second)));
    assertThat(completions).allMatch(c -> c.finishReason() == FinishReason.CANCELLED);
    assertThat(completions.get(0).ids()).hasSize(2);
    assertThat(completions.get(1).ids()).isEqualTo(greedily(prompt(7, 10), 5));
    assertThat(model.steps).isEqualTo(6);
    assertThat(model.stopped).isEqualTo(1);
    assertThat(blocks.available()).isEqualTo(BLOCKS);
  }

  @Test
  void logitsThatNobodyWantsEndAtOnce() {
    Cancellation cancellation = new Cancellation();
    model.betweenLayers(cancellation::cancel);
    List<Integer> told = new ArrayList<>();
    Logits logits = new Logits(new EngineState(model, blocks, CONTEXT, 4), cancellation);
    for (int attempt = 0; attempt < 2; attempt++) {
      assertThatThrownBy(() -> logits.forEach(prompt(9, 50), (p, rows, row) -> told.add(p)))
          .isInstanceOf(CancellationException.class);
      assertThat(told).isEmpty();
      assertThat(model.stopped).isEqualTo(1);
      assertThat(model.steps).isEqualTo(1);
      assertThat(blocks.available()).isEqualTo(BLOCKS);
    }
  }

  @Test
  void cancelledBeforeItBeginsItCostsNothing() {
    Cancellation cancellation = new Cancellation();
    cancellation.cancel();
    Request request = cancellable(prompt(6, 10), cancellation);
    Completion completion = loop(512).generateAll(List.of(request)).get(0);
    assertThat(completion.finishReason()).isEqualTo(FinishReason.CANCELLED);
    assertThat(completion.timings().promptNanos()).isZero();
    assertThat(model.steps).isZero();
  }

  @Test
  void aFailureGivesTheBlocksBack() {
    StepLoop loop = loop(512);
    Request request = request(prompt(8, 10), 100, SamplingOptions.GREEDY);
    model.afterStep(() -> {
      throw new IllegalArgumentException("broken");
    });
    assertThatThrownBy(() -> loop.generateAll(List.of(request))).hasMessage("broken");
    assertThat(blocks.available()).isEqualTo(BLOCKS);
    model.afterStep(() -> {});
    assertThat(loop.generateAll(List.of(request)).get(0).ids()).hasSize(100);
  }

  @Test
  void logitsOfEveryPosition() {
    List<Integer> text = prompt(9, 150);
    EngineState state = new EngineState(model, blocks, CONTEXT, 100);
    List<Integer> positions = new ArrayList<>();
    new Logits(state, new Cancellation())
        .forEach(
            text,
            (position, rows, row) -> {
              positions.add(position);
              float[] expected = model.logitsAfter(text.subList(0, position + 1));
              for (int id = 0; id < VOCABULARY; id++) {
                assertThat(rows.get(row, id)).isEqualTo(expected[id]);
              }
            });
    assertThat(positions).isEqualTo(IntStream.range(0, 150).boxed().toList());
    assertThat(blocks.available()).isEqualTo(BLOCKS);
    assertThatThrownBy(
            () -> new Logits(state, new Cancellation()).forEach(List.of(), (p, rows, row) -> {}))
        .isInstanceOf(RequestException.class);
  }

  @Test
  void perplexityCountsEveryPredictionOfFullWindows() {
    List<Integer> text = prompt(10, 35);
    Logits logits = new Logits(new EngineState(model, blocks, CONTEXT, 4), new Cancellation());
    double nll = 0;
    for (int window = 0; window < 3; window++) {
      for (int i = 0; i < 10; i++) {
        int from = 11 * window;
        float[] values = model.logitsAfter(text.subList(from, from + i + 1));
        double total = 0;
        for (float value : values) {
          total += Math.exp(value);
        }
        nll += Math.log(total) - values[text.get(from + i + 1)];
      }
    }
    Perplexity perplexity = Perplexity.measure(logits, text, 10);
    assertThat(perplexity.windows()).isEqualTo(3);
    assertThat(perplexity.tokens()).isEqualTo(30);
    assertThat(perplexity.meanNll()).isCloseTo(nll / 30, within(1e-6));
    assertThat(perplexity.value()).isEqualTo(StrictMath.exp(perplexity.meanNll()));
    assertThatThrownBy(() -> Perplexity.measure(logits, text, 35))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("has 35 tokens; perplexity over windows of 35 predictions needs");
    assertThatThrownBy(() -> Perplexity.measure(logits, List.of(1, 99), 1))
        .isInstanceOf(RequestException.class);
  }
}
