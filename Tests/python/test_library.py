"""How the library is found and declared. What the package says of martlet.h is compared with the header itself."""

import ctypes
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

from martlet import _check, _library

HEADER = (ROOT / "include" / "martlet.h").read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)

# C type of an argument or result to what ctypes calls it; NumPy's addresses stand for float pointers.
TYPES = {
    "void": None,
    "int32_t": ctypes.c_int32,
    "martlet_status": ctypes.c_int32,
    "martlet_node": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "void *": ctypes.c_void_p,
    "const void *": ctypes.c_char_p,  # of bytes objects
    "const char *": ctypes.c_char_p,
    "const char **": ctypes.POINTER(ctypes.c_char_p),
    "const char *const *": ctypes.POINTER(ctypes.c_char_p),
    "float *": ctypes.c_void_p,
    "const float *": ctypes.c_void_p,
    "const double *": ctypes.POINTER(ctypes.c_double),
    "double *": ctypes.POINTER(ctypes.c_double),
    "int32_t *": ctypes.POINTER(ctypes.c_int32),
    "const int32_t *": ctypes.POINTER(ctypes.c_int32),
    "martlet_node *": ctypes.POINTER(ctypes.c_int32),
    "const martlet_node *": ctypes.POINTER(ctypes.c_int32),
    "int64_t *": ctypes.POINTER(ctypes.c_int64),
    "const int64_t *": ctypes.POINTER(ctypes.c_int64),
    "martlet_model *": _library.ModelHandle,
    "martlet_model **": ctypes.POINTER(_library.ModelHandle),
    "martlet_dataset *": _library.DatasetHandle,
    "martlet_dataset **": ctypes.POINTER(_library.DatasetHandle),
    "martlet_dataset *const *": ctypes.POINTER(_library.DatasetHandle),
    "martlet_trainer *": _library.TrainerHandle,
    "martlet_trainer **": ctypes.POINTER(_library.TrainerHandle),
    "const martlet_array *": ctypes.POINTER(_library.Array),
    "const martlet_dense_options *": ctypes.POINTER(_library.DenseOptions),
    "const martlet_conv_options *": ctypes.POINTER(_library.ConvOptions),
    "const martlet_pooling_options *": ctypes.POINTER(_library.PoolingOptions),
    "const martlet_submodel_options *": ctypes.POINTER(_library.SubmodelOptions),
    "const martlet_batch_normalization_options *": ctypes.POINTER(_library.BatchNormalizationOptions),
    "const martlet_row_normalization_options *": ctypes.POINTER(_library.RowNormalizationOptions),
    "const martlet_random_transform_options *": ctypes.POINTER(_library.RandomTransformOptions),
    "const martlet_random_erasing_options *": ctypes.POINTER(_library.RandomErasingOptions),
    "const martlet_prelu_options *": ctypes.POINTER(_library.PReLUOptions),
    "const martlet_application_options *": ctypes.POINTER(_library.ApplicationOptions),
    "const martlet_loss *": ctypes.POINTER(_library.LossStruct),
    "const martlet_trainer_options *": ctypes.POINTER(_library.TrainerOptions),
    "const martlet_fit_options *": ctypes.POINTER(_library.FitOptions),
    "martlet_metrics *": ctypes.POINTER(_library.MetricsStruct),
    "martlet_cost *": ctypes.POINTER(_library.CostStruct),
    "martlet_layer_statistics *": ctypes.POINTER(_library.LayerStatisticsStruct),
    "const martlet_gradient_check_options *": ctypes.POINTER(_library.GradientCheckOptions),
    "martlet_gradient_check *": ctypes.POINTER(_library.GradientCheckStruct),
    "martlet_progress *": ctypes.POINTER(_library.ProgressStruct),
    "martlet_progress_callback": _library.PROGRESS_CALLBACK,
}

STRUCTS = {
    "martlet_array": _library.Array,
    "martlet_initializer": _library.Initializer,
    "martlet_regularizer": _library.Regularizer,
    "martlet_constraint": _library.Constraint,
    "martlet_dense_options": _library.DenseOptions,
    "martlet_conv_options": _library.ConvOptions,
    "martlet_pooling_options": _library.PoolingOptions,
    "martlet_submodel_options": _library.SubmodelOptions,
    "martlet_batch_normalization_options": _library.BatchNormalizationOptions,
    "martlet_row_normalization_options": _library.RowNormalizationOptions,
    "martlet_random_transform_options": _library.RandomTransformOptions,
    "martlet_random_erasing_options": _library.RandomErasingOptions,
    "martlet_prelu_options": _library.PReLUOptions,
    "martlet_application_options": _library.ApplicationOptions,
    "martlet_loss": _library.LossStruct,
    "martlet_trainer_options": _library.TrainerOptions,
    "martlet_fit_options": _library.FitOptions,
    "martlet_metrics": _library.MetricsStruct,
    "martlet_cost": _library.CostStruct,
    "martlet_layer_statistics": _library.LayerStatisticsStruct,
    "martlet_gradient_check_options": _library.GradientCheckOptions,
    "martlet_gradient_check": _library.GradientCheckStruct,
    "martlet_progress": _library.ProgressStruct,
}


def declarations():
    """Every function of the header: name, C result, C arguments without their names."""
    pattern = r"^((?:const )?\w+ \**)\s*(martlet_\w+)\(([^)]*)\);"
    for result, name, arguments in re.findall(pattern, CODE, flags=re.M):
        kinds = []
        for argument in arguments.split(","):
            words = " ".join(argument.split())
            if words != "void":
                kinds.append(re.sub(r"\w+$", "", words).strip())
        yield name, result.strip(), kinds


def test_prototypes_are_those_of_the_header():
    found = {}
    for name, result, kinds in declarations():
        found[name] = (TYPES[result], [TYPES[kind] for kind in kinds])
    assert len(found) > 50
    assert found.keys() == _library.PROTOTYPES.keys()
    for name, prototype in found.items():
        assert prototype == _library.PROTOTYPES[name], name


def test_messages_name_what_python_calls():
    """Every function of C that a message of the library advises has its counterpart."""
    advised = []
    for path in (ROOT / "Sources").rglob("*.swift"):
        lines = [line for line in path.read_text().splitlines() if not re.match(r"\s*(//|@_cdecl)", line)]
        literals = [text for line in lines for text in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
        advised += [text for text in literals if set(re.findall(r"martlet_\w+", text)) & _library.PROTOTYPES.keys()]
    assert len(advised) >= 5
    for text in advised:
        assert "martlet_" not in _check.in_python(text), text

    path = "'/home/martlet_model_build/martlet_model_build.h5'"
    assert _check.in_python(f"{path}: call martlet_model_build.") == f"{path}: call build."


def test_structs_are_laid_out_as_in_c(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) to ask for the layout of the structs")
    lines = []
    for c_name, struct in STRUCTS.items():
        lines.append(f'printf("{c_name} %zu\\n", sizeof({c_name}));')
        for field, *_ in struct._fields_:
            lines.append(f'printf("{c_name}.{field} %zu\\n", offsetof({c_name}, {field}));')
    source = tmp_path / "layout.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <martlet.h>\nint main(void) {"
        + "\n".join(lines)
        + "return 0;}\n"
    )
    program = tmp_path / "layout"
    subprocess.run([compiler, f"-I{ROOT / 'include'}", str(source), "-o", str(program)], check=True)
    said = dict(line.split() for line in subprocess.run([program], capture_output=True, text=True).stdout.splitlines())
    for c_name, struct in STRUCTS.items():
        assert int(said.pop(c_name)) == ctypes.sizeof(struct)
        for field, *_ in struct._fields_:
            assert int(said.pop(f"{c_name}.{field}")) == getattr(struct, field).offset, f"{c_name}.{field}"
    assert not said


def defines():
    return {name: int(value) for name, value in re.findall(r"^#define MARTLET_(\w+) (\d+)", CODE, flags=re.M)}


def test_status_classes_are_those_of_the_header():
    header = defines()
    names = dict(
        INVALID_ARGUMENT=_check.InvalidArgumentError,
        INVALID_STATE=_check.InvalidStateError,
        BUSY=_check.BusyError,
        OUT_OF_MEMORY=_check.OutOfMemoryError,
        NOT_FOUND=_check.NotFoundError,
        IO_ERROR=_check.FileError,
        FORMAT_ERROR=_check.FormatError,
        UNSUPPORTED=_check.UnsupportedError,
        STOPPED=_check.StoppedError,
        INTERRUPTED=_check.InterruptedTrainingError,
        NOT_FINITE=_check.NotFiniteError,
        INTERNAL_ERROR=_check.InternalError,
    )
    for name, kind in names.items():
        assert kind.status == header[name]
    assert len(names) == len(_check._CLASSES)


def test_codes_are_those_of_the_header():
    from martlet import _activations, _augmentation, _names, _progress, _windows, applications, constraints
    from martlet import initializers, losses, optimizers, trainer

    header = defines()
    assert (_progress._STOPPED, _progress._INTERRUPTED) == (header["STOPPED"], header["INTERRUPTED"])
    assert _progress._EPOCH_END == header["EPOCH_END"]
    assert _library.MAX_RANK == header["MAX_RANK"]
    for name, code in _activations.ACTIVATIONS.items():
        assert code == header[name.upper()]
    for name, code in (_windows.PADDINGS | _names.INTERPOLATIONS).items():
        assert code == header[name.upper()]
    for name, code in applications._POOLINGS.items():
        assert code == header[f"POOLING_{name}"]
    for name, code in _augmentation._FILL_MODES.items():
        assert code == header[f"FILL_{name.upper()}"]
    for name, code in _augmentation._FLIPS.items():
        assert code == header[f"FLIP_{name.upper()}"]
    for name, kind in initializers._NAMES.items():
        assert kind.kind == header[name.upper()]
    for name, kind in constraints._NAMES.items():
        assert kind.kind == header[name.upper()]
    for name, code in initializers._MODES.items():
        assert code == header[name.upper()]
    for name, code in initializers._DISTRIBUTIONS.items():
        assert code == header[f"DISTRIBUTION_{name.upper()}"]
    for kind in losses._ALL:
        assert kind.code == header[kind.name.upper()]
    assert (losses.NoLoss.code, optimizers.SGD.code, optimizers.Adam.code) == tuple(
        header[name] for name in ("NO_LOSS", "SGD", "ADAM")
    )
    words = {
        "val_loss": "VALIDATION_LOSS",
        "val_accuracy": "VALIDATION_ACCURACY",
        "loss": "LOSS",
        "accuracy": "ACCURACY",
    }
    for monitor, word in words.items():
        assert trainer._MONITORS[monitor] == header[f"MONITOR_{word}"]


def test_errors_are_what_one_would_catch():
    for kind, builtin in [
        (_check.InvalidArgumentError, ValueError),
        (_check.NotFoundError, FileNotFoundError),
        (_check.NotFoundError, LookupError),
        (_check.FileError, OSError),
        (_check.OutOfMemoryError, MemoryError),
        (_check.UnsupportedError, NotImplementedError),
        (_check.NotFiniteError, FloatingPointError),
    ]:
        error = kind("what happened")
        assert isinstance(error, builtin) and isinstance(error, _check.MartletError)
        assert str(error) == "what happened" and error.status == kind.status


def test_version_is_checked():
    path = "libmartlet.so"
    _library.check_version(_library.REQUIRED_VERSION, path)
    _library.check_version((0, 99, 0), path)
    for version in [(1, 0, 0), (0, 0, 9)]:
        with pytest.raises(ImportError, match=rf"is libmartlet {version[0]}\.{version[1]}.*this package needs 0.x"):
            _library.check_version(version, path)
    import martlet

    assert martlet.__version__ == ".".join(map(str, _library.REQUIRED_VERSION))
    assert f'MARTLET_VERSION_STRING "{martlet.__version__}"' in CODE


def test_named_library_wins(run_python, tmp_path):
    code = "import martlet; print(martlet.version())"
    missing = run_python("-c", code, MARTLET_LIBRARY=str(tmp_path / "none.so"))
    assert "ImportError: MARTLET_LIBRARY names" in missing.stderr and "is not a file" in missing.stderr
    (tmp_path / "empty.so").write_text("no library")
    wrong = run_python("-c", code, MARTLET_LIBRARY=str(tmp_path / "empty.so"))
    assert "cannot be loaded as libmartlet" in wrong.stderr
    library_of_another_kind = ctypes.util.find_library("m") if hasattr(ctypes, "util") else None
    if library_of_another_kind:
        foreign = run_python("-c", code, MARTLET_LIBRARY=library_of_another_kind)
        assert "ImportError" in foreign.stderr


def test_a_copy_beside_the_package_is_found(tmp_path, run_python):
    """An installed package lies in a folder without repository: the library beside it is loaded, or its lack is said."""
    from conftest import PACKAGE

    installed = tmp_path / "site" / "martlet"
    shutil.copytree(PACKAGE / "martlet", installed, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    code = "import sys; sys.path.insert(0, 'site'); import martlet; print(martlet.library_path()); print(martlet.version())"
    environment = {"MARTLET_LIBRARY": ""}
    absent = run_python("-c", code, cwd=tmp_path, **environment)
    assert "libmartlet.so was not found" in absent.stderr and "make build" in absent.stderr
    shutil.copy(_library.library_path(), installed / "libmartlet.so")
    present = run_python("-c", code, cwd=tmp_path, **environment)
    assert present.stdout.splitlines() == [str(installed / "libmartlet.so"), "0.1.0"], present.stderr


def test_runtime():
    import martlet

    assert martlet.version() == "0.1.0"
    assert martlet.instruction_set() in ("avx512", "avx2", "baseline", "neon")
    before = martlet.threads()
    assert before >= 1
    martlet.set_threads(3)
    assert martlet.threads() == 3
    martlet.set_threads(0)
    assert martlet.threads() == before
    for count in (-1, 1025):
        with pytest.raises(ValueError, match=str(count)):
            martlet.set_threads(count)
    with pytest.raises(ValueError, match="count must be from"):
        martlet.set_threads(2**40)
    with pytest.raises(TypeError, match="count must be an integer, received 1.5"):
        martlet.set_threads(1.5)


@pytest.mark.parametrize("first, second", [("h5py", "martlet"), ("martlet", "h5py")])
def test_h5py_before_and_after(run_python, tmp_path, first, second):
    """Both bring a libhdf5 into the process; each must go on working with the other's files."""
    program = f"""
import {first}
{"martlet.version()" if first == "martlet" else "h5py.File('warm.h5', 'w').close()"}
import {second}
import numpy as np, h5py, martlet
with h5py.File('data.h5', 'w') as file:
    file['x'] = np.arange(12, dtype=np.float32).reshape(4, 3)
    file['y'] = np.array([0, 1, 0, 1])
data = martlet.Dataset.open('data.h5', 'x', 'y')
model = martlet.Sequential([martlet.Input((3,)), martlet.layers.Dense(2, 'softmax')], seed=1)
model.compile('sgd', 'sparse_categorical_crossentropy')
model.fit(data, verbose=0)
model.save('model.h5')
with h5py.File('model.h5') as file:
    assert 'model_weights' in file
try:
    martlet.Dataset.open('data.h5', 'z', 'y')
except martlet.NotFoundError:
    pass
try:
    h5py.File('absent.h5')
except FileNotFoundError:
    pass
loaded = martlet.load_model('model.h5')
assert np.array_equal(loaded.predict(np.ones((2, 3))), model.predict(np.ones((2, 3))))
print('fine')
"""
    done = run_python("-c", program, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)
