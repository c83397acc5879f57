package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.moka.RequestException;
import io.moka.kernels.FloatMath;
import io.moka.kernels.Rows;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  private static final int[] NO_PROMPT = {};

  private static SamplingOptions options(
      double temperature, int topK, double topP, double minP, long seed) {
    return new SamplingOptions(temperature, topK, topP, minP, 1, 0, 0, Map.of(), seed);
  }

  private static SamplingOptions penalties(double repetition, double presence, double frequency) {
    return new SamplingOptions(0, 0, 1, 0, repetition, presence, frequency, Map.of(), 0);
  }

  private static Rows rows(float... logits) {
    Rows rows = Rows.allocate(Arena.ofAuto(), 2, logits.length);
    for (int i = 0; i < logits.length; i++) {
      rows.set(0, i, Float.NaN); // the row before must not matter
      rows.set(1, i, logits[i]);
    }
    return rows;
  }

  private static int sample(float[] logits, SamplingState state) {
    return new Sampler(logits.length).sample(rows(logits), 1, state);
  }

  private static float[] randomLogits(Random random, int vocabulary) {
    boolean coarse = random.nextBoolean(); // coarse logits tie
    float spread = 1 + 5 * random.nextFloat();
    float[] logits = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      float value = (float) random.nextGaussian() * spread;
      logits[i] = coarse ? Math.round(value) : value;
    }
    return logits;
  }

  /** Sorts everything and takes the definition of each step word by word. */
  private static int plainly(float[] logits, SamplingState state) {
    SamplingOptions options = state.options();
    List<Integer> ids = new ArrayList<>(IntStream.range(0, logits.length).boxed().toList());
    Comparator<Integer> byLogit = Comparator.comparingDouble(id -> -logits[id]);
    Comparator<Integer> order = byLogit.thenComparing(Comparator.naturalOrder());
    float max = logits[ids.stream().min(order).orElseThrow()];
    float temperature = (float) options.temperature();
    double[] weights = new double[logits.length];
    for (int id = 0; id < logits.length; id++) {
      weights[id] = FloatMath.exp((logits[id] - max) / temperature);
    }
    ids.sort(order);
    if (options.topK() > 0 && options.topK() < ids.size()) {
      ids = ids.subList(0, options.topK());
    }
    double total = ids.stream().mapToDouble(id -> weights[id]).sum();
    List<Integer> nucleus = new ArrayList<>();
    double sum = 0;
    for (int id : ids) {
      if (options.topP() < 1 && sum >= options.topP() * total) {
        break;
      }
      nucleus.add(id);
      sum += weights[id];
    }
    nucleus.removeIf(id -> weights[id] < (float) options.minP());
    nucleus.sort(Comparator.naturalOrder());
    double left = state.nextUniform() * nucleus.stream().mapToDouble(id -> weights[id]).sum();
    for (int id : nucleus) {
      left -= weights[id];
      if (left < 0) {
        return id;
      }
    }
    return nucleus.getFirst();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 16, 97, 1000})
  void choosesWhatSortingEverythingChooses(int vocabulary) {
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed * 31L + vocabulary);
      float[] logits = randomLogits(random, vocabulary);
      SamplingOptions options =
          options(
              0.2 + 2 * random.nextDouble(),
              random.nextBoolean() ? 0 : 1 + random.nextInt(2 * vocabulary),
              random.nextBoolean() ? 1 : 0.01 + 0.98 * random.nextDouble(),
              random.nextBoolean() ? 0 : random.nextDouble() * random.nextDouble(),
              seed);
      SamplingState fast = new SamplingState(options, vocabulary, NO_PROMPT);
      SamplingState plain = new SamplingState(options, vocabulary, NO_PROMPT);
      for (int draw = 0; draw < 5; draw++) {
        assertThat(sample(logits, fast))
            .as("seed %d, draw %d, %s", seed, draw, options)
            .isEqualTo(plainly(logits, plain));
      }
    }
  }

  @Test
  void drawsInProportion() {
    float[] logits = {0, (float) Math.log(2), (float) Math.log(3), (float) Math.log(4), -200};
    assertThat(shares(logits, options(1, 0, 1, 0, 7)))
        .containsExactly(new double[] {0.1, 0.2, 0.3, 0.4, 0}, within(0.01));
    assertThat(shares(logits, options(1, 3, 1, 0, 7)))
        .containsExactly(new double[] {0, 2 / 9.0, 3 / 9.0, 4 / 9.0, 0}, within(0.01));
    assertThat(shares(logits, options(1, 0, 0.69, 0, 7)))
        .containsExactly(new double[] {0, 0, 3 / 7.0, 4 / 7.0, 0}, within(0.01));
    assertThat(shares(logits, options(1, 0, 1, 0.49, 7)))
        .containsExactly(new double[] {0, 2 / 9.0, 3 / 9.0, 4 / 9.0, 0}, within(0.01));
    // temperature 1/2 squares the weights: 1, 4, 9, 16
    assertThat(shares(logits, options(0.5, 0, 1, 0, 7)))
        .containsExactly(new double[] {1 / 30.0, 4 / 30.0, 9 / 30.0, 16 / 30.0, 0}, within(0.01));
  }

  private static double[] shares(float[] logits, SamplingOptions options) {
    Rows rows = rows(logits);
    Sampler sampler = new Sampler(logits.length);
    SamplingState state = new SamplingState(options, logits.length, NO_PROMPT);
    double[] shares = new double[logits.length];
    for (int i = 0; i < 20_000; i++) {
      shares[sampler.sample(rows, 1, state)] += 1 / 20_000.0;
    }
    return shares;
  }

  @Test
  void topPIsTakenOfWhatTopKLeft() {
    // of the best two, 4/7 : 3/7, the best alone reaches 0.5
    float[] logits = {0, (float) Math.log(2), (float) Math.log(3), (float) Math.log(4)};
    assertThat(shares(logits, options(1, 2, 0.5, 0, 1))[3]).isCloseTo(1, within(1e-9));
  }

  @Test
  void temperatureZeroTakesTheBestAndTheLowestOfEqualOnes() {
    assertThat(sample(new float[] {-1, 3, 2, 3}, state(SamplingOptions.GREEDY, 4))).isEqualTo(1);
    assertThat(sample(new float[] {-0f, 0f}, state(options(0, 1, 1, 0, 0), 2))).isZero();
    assertThat(sample(new float[] {1, 1, 0}, state(options(1, 1, 1, 0, 3), 3))).isZero();
    assertThat(sample(new float[] {0, 1}, state(options(1e-300, 0, 1, 0, 3), 2))).isEqualTo(1);
  }

  private static SamplingState state(SamplingOptions options, int vocabulary) {
    return new SamplingState(options, vocabulary, NO_PROMPT);
  }

  @Test
  void repetitionPenaltyCountsPromptAndText() {
    SamplingState state = new SamplingState(penalties(2, 0, 0), 4, new int[] {0, 0, 1});
    state.accept(2);
    float[] logits = {4, -4, 3, 5};
    state.adjust(logits);
    assertThat(logits).containsExactly(2, -8, 1.5f, 5);
  }

  @Test
  void presenceAndFrequencyCountTheTextAlone() {
    SamplingState state = new SamplingState(penalties(1, 0.5, 0.25), 4, new int[] {0, 1});
    state.accept(1);
    state.accept(2);
    state.accept(2);
    float[] logits = {1, 1, 1, 1};
    state.adjust(logits);
    assertThat(logits).containsExactly(1, 0.25f, 0, 1);
  }

  @Test
  void penaltiesRememberManyTokens() {
    SamplingState state = new SamplingState(penalties(1, 1, 0), 1000, NO_PROMPT);
    for (int id = 0; id < 500; id++) {
      state.accept(id);
    }
    float[] logits = new float[1000];
    state.adjust(logits);
    for (int id = 0; id < 1000; id++) {
      assertThat(logits[id]).isEqualTo(id < 500 ? -1 : 0);
    }
  }

  @Test
  void hugeLogitsStayUsable() {
    SamplingOptions tiny = new SamplingOptions(1, 2, 0.9, 0.1, 1e-30, 0, 0, Map.of(), 0);
    SamplingState state = new SamplingState(tiny, 3, new int[] {0, 1, 2});
    assertThat(sample(new float[] {3e38f, 3e38f, -3e38f}, state)).isBetween(0, 1);
  }

  @Test
  void biasIsAdded() {
    SamplingOptions biased = new SamplingOptions(0, 0, 1, 0, 1, 0, 0, Map.of(0, 1.5, 2, -100.0), 0);
    assertThat(sample(new float[] {1, 2, 90}, state(biased, 3))).isZero();
    assertThatThrownBy(() -> state(biased, 2))
        .isInstanceOf(RequestException.class)
        .hasMessage("logitBias must name tokens from 0 to 1, not 2");
  }

  @Test
  void theSeedDecides() {
    float[] logits = new float[1000];
    List<List<Integer>> runs = new ArrayList<>();
    for (long seed : new long[] {1, 1, 2}) {
      SamplingState state = state(options(1, 0, 1, 0, seed), logits.length);
      runs.add(IntStream.range(0, 20).mapToObj(i -> sample(logits, state)).toList());
    }
    assertThat(runs.get(0)).isEqualTo(runs.get(1)).isNotEqualTo(runs.get(2));
  }

  @Test
  void theGeneratorIsSplitMix64() {
    // the first output of the published algorithm from seed 1234567 is 6457827717110365317
    SamplingState state = state(options(1, 0, 1, 0, 1234567), 1);
    assertThat(state.nextUniform()).isEqualTo((6457827717110365317L >>> 11) * 0x1p-53);
  }

  @ParameterizedTest
  @CsvSource({
    "-1, 0, 1, 0, temperature must be from 0 to 100",
    "NaN, 0, 1, 0, temperature must be",
    "Infinity, 0, 1, 0, temperature must be",
    "1, -1, 1, 0, topK must be at least 0",
    "1, 0, 0, 0, topP must be above 0 and at most 1",
    "1, 0, 1.1, 0, topP must be",
    "1, 0, NaN, 0, topP must be",
    "1, 0, 1, -0.1, minP must be from 0 to 1",
    "1, 0, 1, 1.5, minP must be from 0 to 1"
  })
  void refusesValuesOutOfRange(
      double temperature, int topK, double topP, double minP, String message) {
    assertThatThrownBy(() -> options(temperature, topK, topP, minP, 0))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining(message);
  }

  @Test
  void refusesPenaltiesOutOfRange() {
    assertThatThrownBy(() -> penalties(0, 0, 0))
        .hasMessage("repetitionPenalty must be above 0 and at most 100, not 0.0");
    assertThatThrownBy(() -> penalties(1, 2.5, 0)).hasMessageContaining("presencePenalty");
    assertThatThrownBy(() -> penalties(1, 0, Double.NaN)).hasMessageContaining("frequencyPenalty");
    assertThatThrownBy(() -> new SamplingOptions(1, 0, 1, 0, 1, 0, 0, Map.of(5, Double.NaN), 0))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("logitBias of token 5");
  }
}
