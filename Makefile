# What one can do with this checkout: `make help`. Everything built lands in .build, .venv and .venv-bench, beside which
# only Python writes: __pycache__.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
CC ?= cc
CFLAGS ?= -O2
PYTHON ?= python3
SWIFT ?= swift

header_number = $(shell sed -n 's/^\#define MARTLET_VERSION_$(1) //p' include/martlet.h)
MAJOR := $(call header_number,MAJOR)
VERSION := $(MAJOR).$(call header_number,MINOR).$(call header_number,PATCH)
SONAME := libmartlet.so.$(MAJOR)

OUT := .build/martlet
DEMO := .build/demo
VENV := .venv/bin/python
WARNINGS := -std=c99 -Wall -Wextra -pedantic
EXAMPLES := $(patsubst examples/c/%.c,.build/examples/%,$(wildcard examples/c/*.c))

.PHONY: help setup build examples demo test test-all bench bench-kernels reports install uninstall clean format

help:
	@echo 'make setup       install what is missing (libhdf5 headers, pkg-config) and make the Python environment .venv'
	@echo 'make build       build the self-contained library $(OUT)/libmartlet.so'
	@echo 'make demo        train on the digits that ship with the project, in C; then predict in Python and in Keras'
	@echo 'make test        run all tests; the last line counts them'
	@echo 'make test-all    the same and the long tests'
	@echo 'make bench       measure Martlet beside PyTorch, JAX, Keras, NumPy and others; options: BENCH="--quick"'
	@echo 'make bench-kernels   measure the kernels alone, beside the peak of one core or plain loops'
	@echo 'make reports     make the pages of examples/reports again, from the published data (hours)'
	@echo 'make install     install library, header and martlet.pc  (PREFIX=$(PREFIX), LIBDIR, INCLUDEDIR, DESTDIR)'
	@echo 'make uninstall   remove them (same variables)'
	@echo 'make format      format the Swift sources'
	@echo 'make clean       remove .build, .venv and .venv-bench'

# --- Prerequisites: a few seconds when there is nothing to do.

setup: .venv/.complete
	@Scripts/check-tools

.venv/.complete: bindings/python/pyproject.toml
	@Scripts/check-tools
	@PYTHON='$(PYTHON)' Scripts/make-venv .venv --editable 'bindings/python[test]'

# --- The library. SwiftPM knows what is out of date among the modules, the script knows it of the link.

build:
	@Scripts/check-tools
	$(SWIFT) build -c release --target MartletC
	@Scripts/link-library $(OUT) $(SONAME)

examples: build $(EXAMPLES)

.build/examples/%: examples/c/%.c include/martlet.h
	@mkdir -p $(@D)
	$(CC) $(WARNINGS) $(CFLAGS) -Iinclude $< -o $@ -L$(OUT) -lmartlet -Wl,-rpath,'$$ORIGIN/../martlet' -lm

demo: setup examples
	@mkdir -p $(DEMO)
	.build/examples/train examples/data/digits.h5 $(DEMO)/digits-model.h5 $(DEMO)/history.csv
	$(VENV) examples/python/plot_history.py $(DEMO)/history.csv $(DEMO)/history.png
	KERAS_BACKEND=jax $(VENV) Scripts/compare-predictions $(DEMO)/digits-model.h5 examples/data/digits.h5 \
	  .build/examples/predict
	@echo 'Model $(DEMO)/digits-model.h5, history $(DEMO)/history.csv, curves $(DEMO)/history.png'

# --- Tests and measurements.

test: setup examples
	@$(PYTHON) Scripts/run-tests

test-all: setup examples
	@$(PYTHON) Scripts/run-tests --long

bench: build .venv-bench/.complete
	$(SWIFT) build -c release --product martlet-gemm-server
	.venv-bench/bin/python benchmarks/compare.py $(BENCH)

.venv-bench/.complete: benchmarks/requirements.txt
	@PYTHON='$(PYTHON)' Scripts/make-venv .venv-bench --requirement benchmarks/requirements.txt

bench-kernels:
	@Scripts/check-tools
	$(SWIFT) run -c release martlet-kernel-benchmark

# The extra brings PyTorch, which one report is compared with.
reports: setup build
	$(VENV) -m pip --disable-pip-version-check install --quiet --editable 'bindings/python[reports]' || \
	  echo 'PyTorch is not to be had: the comparison with it keeps its committed figures'
	@for template in examples/reports/*.template.md; do $(VENV) $${template%.template.md}.py || exit 1; done

# --- Installation. `make install` builds nothing when the library is there, so that root need not own .build.

install:
	@test -f $(OUT)/libmartlet.so || $(MAKE) build
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 755 $(OUT)/libmartlet.so '$(DESTDIR)$(LIBDIR)/libmartlet.so.$(VERSION)'
	ln -sf libmartlet.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libmartlet.so'
	install -m 644 include/martlet.h '$(DESTDIR)$(INCLUDEDIR)/martlet.h'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	  -e 's|@VERSION@|$(VERSION)|' Scripts/martlet.pc.in > '$(DESTDIR)$(LIBDIR)/pkgconfig/martlet.pc'
	chmod 644 '$(DESTDIR)$(LIBDIR)/pkgconfig/martlet.pc'

uninstall:
	rm -f '$(DESTDIR)$(LIBDIR)/libmartlet.so' '$(DESTDIR)$(LIBDIR)/$(SONAME)' \
	  '$(DESTDIR)$(LIBDIR)/libmartlet.so.$(VERSION)' '$(DESTDIR)$(INCLUDEDIR)/martlet.h' \
	  '$(DESTDIR)$(LIBDIR)/pkgconfig/martlet.pc'

format:
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

clean:
	rm -rf .build .venv .venv-bench
