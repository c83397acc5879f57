package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.weights.MatrixView;
import io.moka.weights.NativeMemory;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.RowDecoder;
import io.moka.weights.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.DoubleConsumer;
import java.util.zip.CRC32C;

/**
 * Writes any model as a packed file: each piece is packed as loading would pack it, a few at a time
 * in parallel, and written to its place; the head follows when all checksums are known.
 */
public final class PackedWriter {
  private final Checkpoint source;
  private final List<PackedPiece> pieces;
  private final long[] offsets;
  private final int[] checksums;
  private final byte[] documents;
  private final int documentCount;
  private final long fileBytes;
  private final DoubleConsumer progress;
  private final long bytesTotal;
  private long bytesDone;

  private PackedWriter(Checkpoint source, DoubleConsumer progress) {
    this.source = source;
    this.progress = progress;
    Map<String, byte[]> files = PackedDocuments.of(source);
    this.documentCount = files.size();
    this.documents = PackedDocuments.bytes(files);
    this.pieces = PackedPiece.of(source.config(), key -> source.describe(key).format());
    this.offsets = new long[pieces.size()];
    this.checksums = new int[pieces.size()];
    long end = headBytes();
    for (int i = 0; i < pieces.size(); i++) {
      offsets[i] = PackedFormat.aligned(end);
      end = Math.addExact(offsets[i], pieces.get(i).bytes());
    }
    this.fileBytes = PackedFormat.aligned(end);
    this.bytesTotal = pieces.stream().mapToLong(PackedPiece::bytes).sum();
  }

  private int headBytes() {
    return PackedFormat.FIXED_BYTES + documents.length + pieces.size() * PackedFormat.PIECE_BYTES;
  }

  /**
   * Writes a file. It has its name only when it is whole; whatever ends the writing before leaves
   * nothing behind, and what bore the name before is still there.
   *
   * @param checkpoint what to write; every tensor is released when it is packed
   * @param file where to
   * @param replace whether a file of that name may be replaced
   * @param threads threads that pack
   * @param progress told the share done, rising to 1; from several threads, one at a time
   * @return bytes of the file
   * @throws ModelException when the model is packed already or cannot be packed, when the file
   *     exists or is one of the model's own, or when it cannot be written
   */
  public static long write(
      Checkpoint checkpoint, Path file, boolean replace, int threads, DoubleConsumer progress) {
    ModelFiles.refuseOverwriting(checkpoint, file);
    if (checkpoint.packed().isPresent()) {
      throw new ModelException("the model is packed already: copy its file");
    }
    for (int layer = 0; layer < checkpoint.config().numHiddenLayers(); layer++) {
      ExpertTypes.check(checkpoint, layer);
    }
    PackedWriter writer = new PackedWriter(checkpoint, progress);
    try (PartialFile partial = PartialFile.create(file, replace, writer.fileBytes)) {
      writer.writePieces(partial, threads);
      partial.write(writer.head(), 0);
      partial.complete();
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be written: " + IoReason.of(e), e);
    }
    return writer.fileBytes;
  }

  private void writePieces(PartialFile file, int threads) throws IOException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<?>> tasks = new ArrayList<>();
      for (int i = 0; i < pieces.size(); i++) {
        int index = i;
        tasks.add(
            pool.submit(() -> {
              writePiece(file, index);
              return index;
            }));
      }
      for (Future<?> task : tasks) {
        await(task);
      }
    } finally {
      pool.shutdownNow();
      pool.close();
    }
  }

  private static void await(Future<?> task) throws IOException {
    try {
      task.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelException("packing was interrupted", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case IOException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new ModelException("packing failed: " + e.getCause(), e.getCause());
      }
    }
  }

  private void writePiece(PartialFile file, int index) throws IOException {
    PackedPiece piece = pieces.get(index);
    List<Tensor> tensors = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      for (TensorKey key : piece.sources()) {
        Tensor tensor = source.tensor(key);
        tensors.add(tensor);
        NativeMemory.populate(tensor.data());
      }
      MemorySegment data = pack(piece, tensors, arena);
      CRC32C crc = new CRC32C();
      file.write(data, offsets[index], crc);
      long end = index + 1 < offsets.length ? offsets[index + 1] : fileBytes;
      byte[] padding = new byte[(int) (end - offsets[index] - data.byteSize())];
      file.write(MemorySegment.ofArray(padding), end - padding.length, crc);
      checksums[index] = (int) crc.getValue();
    } finally {
      tensors.forEach(source::release);
    }
    // one at a time, so that the share never falls
    synchronized (this) {
      bytesDone += piece.bytes();
      progress.accept(bytesDone / (double) bytesTotal);
    }
  }

  private static MemorySegment pack(PackedPiece piece, List<Tensor> tensors, Arena arena) {
    List<MatrixView> views = tensors.stream().map(MatrixView::of).toList();
    return switch (piece.key().kind().form()) {
      case TABLE -> tensors.getFirst().data();
      case VECTOR -> floats(tensors, arena);
      case MATRIX -> Packer.stack(arena, views).data();
      case JOINED -> Packer.join(arena, views.get(0), views.get(1)).packed().data();
    };
  }

  private static MemorySegment floats(List<Tensor> vectors, Arena arena) {
    int count = vectors.stream().mapToInt(Tensor::columns).sum();
    MemorySegment floats = arena.allocate(count * (long) Float.BYTES, 64);
    RowDecoder decoder = new RowDecoder();
    long at = 0;
    for (Tensor vector : vectors) {
      float[] values = new float[vector.columns()];
      decoder.decode(vector.format(), vector.data(), 0, values.length, values);
      MemorySegment.copy(values, 0, floats, ValueLayout.JAVA_FLOAT, at, values.length);
      at += values.length * (long) Float.BYTES;
    }
    return floats;
  }

  private ByteBuffer head() {
    ByteBuffer head = ByteBuffer.allocate(headBytes()).order(ByteOrder.LITTLE_ENDIAN);
    head.put(PackedFormat.MAGIC)
        .putInt(PackedFormat.VERSION)
        .putInt(PackedMatrix.LAYOUT_VERSION)
        .putInt(PackedFormat.nativeOrder())
        .putInt(PackedFormat.ALIGNMENT)
        .putLong(headBytes())
        .putLong(fileBytes)
        .putInt(documentCount)
        .putInt(pieces.size())
        .position(PackedFormat.FIXED_BYTES)
        .put(documents);
    for (int i = 0; i < pieces.size(); i++) {
      PackedPiece piece = pieces.get(i);
      head.putInt(piece.key().kind().ordinal())
          .putInt(piece.key().layer())
          .putInt(piece.key().index())
          .putInt(GgmlType.number(piece.format()))
          .putLong(piece.rows())
          .putLong(piece.columns())
          .putLong(offsets[i])
          .putLong(piece.bytes())
          .putInt(checksums[i])
          .putInt(0);
    }
    head.flip();
    return head.putInt(PackedFormat.CHECKSUM_AT, PackedFormat.checksum(head));
  }
}
