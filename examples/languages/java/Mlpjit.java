import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A trained model, run by mlpjit through its C interface: mlpjit/c_api.h says what each call does.
 * Here a model takes rows of f32 and gives rows of f32. What fails is a {@link Failure}.
 *
 * <pre>{@code
 * try (Mlpjit model = new Mlpjit(symbolFile, parameterFile); Mlpjit.Bound call = model.bind()) {
 *   float[][] outputs = model.run(rows);
 *   float[] output = call.run(rows[0]);  // one row, quicker
 * }
 * }</pre>
 */
public final class Mlpjit implements AutoCloseable {
  private static final int OK = 0;
  private static final int F32 = 0;

  /** What mlpjit says of a call that failed. */
  public static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;

    Failure(String message) {
      super(message);
    }
  }

  // JNA wants structs to be public, with public fields, named in their order.
  @Structure.FieldOrder({"data", "dtype", "rank", "sizes"})
  public static class Input extends Structure {
    public Pointer data;
    public int dtype = F32;
    public int rank = 2;
    public Pointer sizes;
  }

  @Structure.FieldOrder({"data", "bytes", "dtype", "rank", "sizes"})
  public static class Output extends Structure {
    public Pointer data;
    public long bytes;
    public int dtype; // the call writes these
    public int rank;
    public long[] sizes = new long[8];
  }

  /** The functions that are used here. size_t is a long where mlpjit runs. */
  private interface C extends Library {
    String mlpjit_last_error();
    String mlpjit_status_text(int status);
    Pointer mlpjit_load(String modelFile, String parameterFile, Pointer options);
    void mlpjit_free(Pointer model);
    long mlpjit_input_count(Pointer model);
    long mlpjit_output_count(Pointer model);
    String mlpjit_input_name(Pointer model, long index);
    String mlpjit_output_name(Pointer model, long index);
    int mlpjit_input_dtype(Pointer model, long index);
    int mlpjit_output_dtype(Pointer model, long index);
    int mlpjit_input_rank(Pointer model, long index);
    int mlpjit_output_rank(Pointer model, long index);
    long mlpjit_input_size(Pointer model, long index, int axis);
    long mlpjit_output_size(Pointer model, long index, int axis);
    long mlpjit_class_count(Pointer model);
    String mlpjit_class_name(Pointer model, long index);
    int mlpjit_run(Pointer model, Input inputs, long inputCount, Output outputs, long outputCount);
    Pointer mlpjit_bind(Pointer model, Input inputs, long inputCount);
    void mlpjit_bound_free(Pointer bound);
    int mlpjit_bound_run(
        Pointer bound, Pointer inputs, long inputCount, Pointer outputs, long outputCount);
  }

  // The library is the file that MLPJIT_LIBRARY names, else the system's.
  private static final C LIBRARY =
      Native.load(
          System.getenv().getOrDefault("MLPJIT_LIBRARY", "libmlpjit.so.0"),
          C.class,
          Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

  private Pointer handle;
  private final String inputName;
  private final String outputName;
  private final int width;
  private final int outputWidth;
  private final List<String> classes = new ArrayList<>();

  /** Loads an ONNX file, with {@code parameterFile} null, or the two files of export_model(). */
  public Mlpjit(String modelFile, String parameterFile) {
    handle = LIBRARY.mlpjit_load(modelFile, parameterFile, null);
    if (handle == null) {
      throw new Failure(LIBRARY.mlpjit_last_error());
    }
    if (!takesRows()) {
      close();
      throw new Failure(modelFile + ": a model of rows of f32 was expected");
    }
    inputName = LIBRARY.mlpjit_input_name(handle, 0);
    outputName = LIBRARY.mlpjit_output_name(handle, 0);
    width = (int) LIBRARY.mlpjit_input_size(handle, 0, 1);
    outputWidth = (int) LIBRARY.mlpjit_output_size(handle, 0, 1);
    for (long i = 0; i < LIBRARY.mlpjit_class_count(handle); ++i) {
      classes.add(LIBRARY.mlpjit_class_name(handle, i));
    }
  }

  private boolean takesRows() {
    return LIBRARY.mlpjit_input_count(handle) == 1
        && LIBRARY.mlpjit_output_count(handle) == 1
        && LIBRARY.mlpjit_input_dtype(handle, 0) == F32
        && LIBRARY.mlpjit_output_dtype(handle, 0) == F32
        && LIBRARY.mlpjit_input_rank(handle, 0) == 2
        && LIBRARY.mlpjit_output_rank(handle, 0) == 2
        && LIBRARY.mlpjit_input_size(handle, 0, 1) >= 0 // not of any size
        && LIBRARY.mlpjit_output_size(handle, 0, 1) >= 0;
  }

  public String inputName() {
    return inputName;
  }

  public String outputName() {
    return outputName;
  }

  /** How many numbers a row has. */
  public int width() {
    return width;
  }

  public int outputWidth() {
    return outputWidth;
  }

  public List<String> classes() {
    return List.copyOf(classes);
  }

  /** Runs all rows in one call. */
  public float[][] run(float[][] rows) {
    Input input = input(rows.length);
    Memory elements = floats((long) rows.length * width);
    for (int i = 0; i < rows.length; ++i) {
      elements.write((long) i * width * Float.BYTES, checked(rows[i]), 0, width);
    }
    input.data = elements;
    Memory results = floats((long) rows.length * outputWidth);
    Output output = new Output();
    output.data = results;
    output.bytes = results.size();
    if (LIBRARY.mlpjit_run(open(), input, 1, output, 1) != OK) {
      throw new Failure(LIBRARY.mlpjit_last_error());
    }
    float[][] outputs = new float[rows.length][];
    for (int i = 0; i < rows.length; ++i) {
      outputs[i] = results.getFloatArray((long) i * outputWidth * Float.BYTES, outputWidth);
    }
    return outputs;
  }

  /** A call for one row, which is quicker. It may outlive the model. */
  public Bound bind() {
    return new Bound();
  }

  @Override
  public void close() {
    LIBRARY.mlpjit_free(handle);
    handle = null;
  }

  // A null model is an error of the interface, but of no words for users of Java.
  private Pointer open() {
    if (handle == null) {
      throw new IllegalStateException("the model is closed");
    }
    return handle;
  }

  private float[] checked(float[] row) {
    if (row.length != width) {
      throw new IllegalArgumentException(
          "a row of " + row.length + " numbers; " + inputName + " has " + width);
    }
    return row;
  }

  private Input input(int rows) {
    Memory sizes = new Memory(2 * Long.BYTES);
    sizes.setLong(0, rows);
    sizes.setLong(Long.BYTES, width);
    Input input = new Input();
    input.sizes = sizes;
    return input;
  }

  private static Memory floats(long count) {
    return new Memory(Math.max(count, 1) * Float.BYTES); // JNA has no empty memory
  }

  /** A model bound to one row; for one thread at a time. */
  public final class Bound implements AutoCloseable {
    private Pointer bound;
    private final Memory row = floats(width);
    private final Memory result = floats(outputWidth);
    // C takes arrays of pointers: these are of one each.
    private final Memory rows = new Memory(Native.POINTER_SIZE);
    private final Memory results = new Memory(Native.POINTER_SIZE);

    private Bound() {
      bound = LIBRARY.mlpjit_bind(open(), input(1), 1);
      if (bound == null) {
        throw new Failure(LIBRARY.mlpjit_last_error());
      }
      rows.setPointer(0, row);
      results.setPointer(0, result);
    }

    public float[] run(float[] numbers) {
      row.write(0, checked(numbers), 0, width);
      int status = LIBRARY.mlpjit_bound_run(bound, rows, 1, results, 1);
      if (status != OK) {
        throw new Failure(LIBRARY.mlpjit_status_text(status));
      }
      return result.getFloatArray(0, outputWidth);
    }

    @Override
    public void close() {
      LIBRARY.mlpjit_bound_free(bound);
      bound = null;
    }
  }
}
