package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.model.Batch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockAllocatorTest {

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void losesNoBlockAndSharesNoneUnasked(long seed) {
    Random random = new Random(seed);
    BlockAllocator allocator = new BlockAllocator(64);
    Map<Integer, Integer> holders = new HashMap<>();
    for (int step = 0; step < 5000; step++) {
      List<Integer> held = new ArrayList<>(holders.keySet());
      int action = random.nextInt(3);
      if (action == 0 && allocator.available() > 0) {
        int block = allocator.allocate();
        assertThat(holders.put(block, 1)).as("seed %d, step %d", seed, step).isNull();
      } else if (action == 1 && !held.isEmpty()) {
        int block = held.get(random.nextInt(held.size()));
        allocator.retain(block);
        holders.merge(block, 1, Integer::sum);
      } else if (!held.isEmpty()) {
        int block = held.get(random.nextInt(held.size()));
        allocator.release(block);
        holders.computeIfPresent(block, (b, count) -> count == 1 ? null : count - 1);
      }
      assertThat(allocator.available())
          .as("seed %d, step %d", seed, step)
          .isEqualTo(64 - holders.size());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {5, 6, 7})
  void sequencesGrowAndGoWithoutSharing(long seed) {
    Random random = new Random(seed);
    BlockAllocator allocator = new BlockAllocator(40);
    List<Sequence> live = new ArrayList<>();
    Batch batch = new Batch();
    for (int step = 0; step < 2000; step++) {
      if (live.size() < 4) {
        live.add(new Sequence(new int[1 + random.nextInt(60)]));
      }
      Sequence sequence = live.get(random.nextInt(live.size()));
      if (sequence.length() > 120 || random.nextInt(40) == 0) {
        sequence.release(allocator);
        live.remove(sequence);
        continue;
      }
      if (sequence.pending() == 0) {
        sequence.append(1);
      }
      batch.clear();
      int count = 1 + random.nextInt(sequence.pending());
      sequence.addTo(batch, count, Batch.Logits.LAST, allocator);
      Set<Integer> used = new HashSet<>();
      int blocks = 0;
      for (Sequence each : live) {
        int cached = each.length() - each.pending();
        for (int i = 0; i < Sequence.blocksFor(cached); i++) {
          used.add(each.block(i));
          blocks++;
        }
      }
      assertThat(used).as("seed %d, step %d", seed, step).hasSize(blocks);
      assertThat(allocator.available()).isEqualTo(40 - blocks);
    }
    live.forEach(sequence -> sequence.release(allocator));
    assertThat(allocator.available()).isEqualTo(allocator.total());
  }

  @Test
  void reusesTheBlockFreedLast() {
    BlockAllocator allocator = new BlockAllocator(3);
    assertThat(allocator.allocate()).isZero();
    assertThat(allocator.allocate()).isEqualTo(1);
    allocator.release(0);
    assertThat(allocator.allocate()).isZero();
  }

  @Test
  void refusesWhatWouldCorruptIt() {
    BlockAllocator allocator = new BlockAllocator(1);
    assertThatThrownBy(() -> allocator.release(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> allocator.retain(0)).isInstanceOf(IllegalStateException.class);
    allocator.allocate();
    assertThatThrownBy(allocator::allocate)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("none of 1 cache blocks is free");
  }

  @Test
  void aSequenceKeepsItsTokens() {
    Sequence sequence = new Sequence(new int[] {7});
    for (int id = 0; id < 100; id++) {
      sequence.append(id);
    }
    Batch batch = new Batch();
    sequence.addTo(batch, 101, Batch.Logits.ALL, new BlockAllocator(7));
    assertThat(Arrays.copyOf(batch.ids(), 3)).containsExactly(7, 0, 1);
    assertThat(batch.ids()[100]).isEqualTo(99);
    assertThat(sequence.blocksToReach(112)).isZero();
    assertThat(sequence.blocksToReach(113)).isEqualTo(1);
  }
}
