# Makes the arrays of this folder, once, with numpy: rows of the models of test/onnx/models, as arrays.sh reads them.
# python3 make_arrays.py, in this folder.
import numpy as np

MODELS = "../../../../test/onnx/models/"


def inputs(file, batch):
    arrays = np.load(MODELS + file)
    start = f"b{batch}.in."
    return {name[len(start):]: arrays[name] for name in arrays.files if name.startswith(start)}


def save_csv(file, columns):
    with open(file, "w") as out:
        out.write(",".join(columns) + "\n")
        for row in zip(*columns.values()):
            out.write(",".join(str(value) for value in row) + "\n")


def numbered(name, array):
    return {f"{name}_{i}": array[:, i] for i in range(array.shape[1])}


# One input, f32[B, 10].
x = inputs("torch_resmlp_diabetes.npz", 5)["x"]
save_csv("rows.csv", numbered("x", x))
np.save("rows.npy", x)
for version in 2, 3:
    with open(f"rows_version_{version}.npy", "wb") as file:
        np.lib.format.write_array(file, x, version=(version, 0))
np.save("rows_big_endian.npy", x.astype(">f4"))
np.save("rows_f8.npy", x.astype("f8"))
np.save("rows_cube.npy", x.reshape(5, 2, 5))
np.save("rows_by_columns.npy", np.asfortranarray(x))
np.save("rows_cube_by_columns.npy", np.asfortranarray(x.reshape(5, 2, 5).astype(">f8")))
np.save("rows_wide.npy", np.hstack([x[:, ::-1], np.ones((5, 2), "f4")]))
np.save("rows_none.npy", x[:0])
np.savez("rows.npz", any_name=x)
np.savez_compressed("rows_compressed.npz", x=x)

# Numbers that every type holds.
whole = np.arange(50).reshape(5, 10)
save_csv("whole.csv", numbered("x", whole))
for dtype in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split():
    np.save(f"whole_{dtype}.npy", whole.astype(dtype))
save_csv("bits.csv", numbered("x", whole % 2))
np.save("bits.npy", whole % 2 == 1)
half = np.array([[0.5, -0.5, 6e-8, -6e-8, 65504, 1 / 3, 0, -0.0, 1e-4, 2]], "f2")
np.save("half.npy", half)
np.save("half_f4.npy", half.astype("f4"))

# Several inputs: numbers, strings, an i64. Their columns in one table, where all are numbers.
columns = {name: array[:5] for name, array in inputs("skl_columns_logreg_diabetes.npz", 30).items()}
columns["sex"] = np.array([["M"], ["nobody"], ["F"], [""], ["männlich"]])
save_csv("columns.csv", {name: array[:, 0] for name, array in columns.items()})
np.savez("columns.npz", **columns, note=np.arange(3))
flat = {name: array[:, 0] for name, array in columns.items()}
flat["sex"] = np.char.encode(flat["sex"], "utf-8")
flat["bmi_group"] = flat["bmi_group"].astype(">U9")
flat["decade"] = flat["decade"].astype("f8")
np.savez_compressed("columns_flat.npz", **flat)
flat["decade"][3] += 0.5
np.savez("columns_fraction.npz", **flat)
flat["decade"] = flat["decade"][:4]
np.savez("columns_short.npz", **flat)
nerf = inputs("torch_nerf.npz", 5)
np.savez("nerf.npz", **nerf)
np.save("nerf.npy", np.hstack([nerf["pts"], nerf["dirs"]]))
save_csv("nerf.csv", numbered("dirs", nerf["dirs"]) | numbered("pts", nerf["pts"]))

# Sizes that the model leaves open; bools; an i32.
sets = inputs("torch_deepsets.npz", 5)
np.savez("sets.npz", **sets)
np.savez("sets_u1.npz", x=sets["x"], mask=sets["mask"].astype("u1"))
np.savez("sets_not_bool.npz", x=sets["x"], mask=sets["mask"] + np.uint8(1))
keras = inputs("keras_gelu_diabetes.npz", 5)
np.savez("keras.npz", **keras)
keras["age"] = keras["age"].astype("i8")
np.savez("keras_i8.npz", **keras)
keras["age"][4] = 2**31
np.savez("keras_large.npz", **keras)

np.save("wine.npy", inputs("skl_logreg_wine_strings.npz", 20)["X"][:5])
