# The front door. Every target makes its own set-up; `make help` lists them.
PYTHON ?= python3
PRESET ?= tiny
BOARD ?= pynq-z2
VIDEO ?=
DATA ?=

PRESET_FROM := $(origin PRESET)# where it is not given, the demo takes another

# What users give reaches the commands as it stands, whatever it holds: not expanded here, and quoted in the shell.
GIVEN := PYTHON PRESET BOARD VIDEO DATA TORCH TORCH_INDEX CLIPS STRATEGY FROM TEACHER TRIALS STORAGE MODEL TOOLCHAIN CLOCK_MHZ SHIFT_REGISTERS \
	MINUTES SEED CASE UNSEEN ALSO MOCAP
$(foreach name,$(GIVEN),$(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
export $(GIVEN)

READY := .venv/.complete
RUN := .venv/bin/python -m shiftcore
INSTALL = @command -v "$$PYTHON" >/dev/null || \
	{ echo "error: $$PYTHON: not found; install Python 3.11 or newer, or name yours with PYTHON=..." >&2; exit 2; }; \
	"$$PYTHON" flow/install.py

.DEFAULT_GOAL := help
.PHONY: help setup synthesize qat crossval search export data-report evaluate alarms why compare temporal adapt rollback compile zoo deploy registers bitstream estimate timing trace demo test bench soak fuzz formal lint docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PRESET=$$PRESET  BOARD=$$BOARD  VIDEO=file  DATA=folder of class folders  PYTHON=$$PYTHON"

$(READY): requirements.lock flow/install.py
	$(INSTALL)

setup: ## the environment in .venv, pinned by requirements.lock (TORCH=cuda: the CUDA build of torch)
	$(INSTALL) $(if $(TORCH),--torch "$$TORCH") $(if $(TORCH_INDEX),--torch-index "$$TORCH_INDEX")

synthesize: $(READY) ## write drawn videos of fights and calm scenes into DATA, to learn from first (CLIPS=n, MOCAP=folder)
	@$(RUN) synthesize --data "$$DATA" $(if $(CLIPS),--clips "$$CLIPS") $(if $(MOCAP),--mocap "$$MOCAP")

qat: $(READY) ## train PRESET: float warm-up, then quantization-aware (DATA=folder; STRATEGY=, FROM=, TEACHER=)
	@$(RUN) qat --preset "$$PRESET" $(if $(DATA),--data "$$DATA") $(if $(STRATEGY),--strategy "$$STRATEGY") \
		$(if $(FROM),--from "$$FROM") $(if $(TEACHER),--teacher "$$TEACHER")

crossval: $(READY) ## score PRESET's recipe on DATA, five folds by source; then train it on all of DATA (UNSEEN=, ALSO=folder)
	@$(RUN) crossval --preset "$$PRESET" --data "$$DATA" $(if $(UNSEEN),--unseen "$$UNSEEN") $(if $(ALSO),--also "$$ALSO")

search: $(READY) ## a better recipe for PRESET on the folds of DATA (TRIALS=n, STORAGE=url of a shared database)
	@$(RUN) search --preset "$$PRESET" $(if $(DATA),--data "$$DATA") $(if $(TRIALS),--trials "$$TRIALS") \
		$(if $(STORAGE),--storage "$$STORAGE")

export: $(READY) ## PRESET's weights to QONNX and to the integer model of the reference
	@$(RUN) export --preset "$$PRESET"

data-report: $(READY) ## what is in the videos in DATA, and how much of their labels is told without looking
	@$(RUN) data-report --data "$$DATA"

evaluate: $(READY) ## how good PRESET is on the videos in DATA: figures, predictions, a report to look at
	@$(RUN) evaluate --preset "$$PRESET" --data "$$DATA" $(if $(MODEL),--model "$$MODEL")

alarms: $(READY) ## false alarms an hour and events found on the videos in DATA (several folders: DATA=one:other)
	@$(RUN) alarms --preset "$$PRESET" --data "$$DATA" $(if $(MODEL),--model "$$MODEL")

why: $(READY) ## whether PRESET's alarms are raised for what they should: evidence and fighters' places on drawn clips in DATA
	@$(RUN) why --preset "$$PRESET" --data "$$DATA" $(if $(MODEL),--model "$$MODEL")

compare: $(READY) ## PRESET's network beside TSN, bi-directional TSM and SlowFast, all trained on the videos in DATA
	@$(RUN) compare --preset "$$PRESET" --data "$$DATA"

temporal: $(READY) ## what the shift is worth on three tasks where the order of time decides (some 50 minutes)
	@$(RUN) temporal

adapt: $(READY) ## fine-tune PRESET on the videos in DATA, used only if shown to be better (STRATEGY=name)
	@$(RUN) adapt --preset "$$PRESET" --data "$$DATA" $(if $(STRATEGY),--strategy "$$STRATEGY")

rollback: $(READY) ## put the weights of PRESET before the last `make adapt` back; again goes further back
	@$(RUN) rollback --preset "$$PRESET"

compile: $(READY) ## PRESET, or MODEL=network.onnx, to RTL for BOARD, each step verified against the one before
	@$(RUN) compile $(if $(MODEL),"$$MODEL",--preset "$$PRESET") --board "$$BOARD"

zoo: $(READY) ## networks that others wrote, compiled, simulated, synthesized; build/zoo/report.json (hours; resumable)
	@$(RUN) zoo

deploy: $(READY) ## one archive for BOARD: driver, reference, model, packages, and the bitstream if there is one
	@$(RUN) deploy --preset "$$PRESET" --board "$$BOARD"

registers: $(READY) ## what is made from the contract of chip and driver, hw/chip.toml
	@$(RUN) registers

bitstream: $(READY) ## PRESET's bitstream for BOARD with Vivado (TOOLCHAIN=openxc7: open tools, with CLOCK_MHZ=, SHIFT_REGISTERS=no)
	@$(RUN) bitstream --preset "$$PRESET" --board "$$BOARD" $(if $(TOOLCHAIN),--toolchain "$$TOOLCHAIN") \
		$(if $(CLOCK_MHZ),--clock-mhz "$$CLOCK_MHZ") $(if $(filter no,$(SHIFT_REGISTERS)),--no-shift-registers)

estimate: $(READY) ## what the compiled PRESET costs on BOARD, a table a layer (Yosys; no vendor tool)
	@$(RUN) estimate --preset "$$PRESET" --board "$$BOARD"

timing: $(READY) ## how fast the compiled PRESET can be clocked on BOARD: its slowest paths (Yosys; no vendor tool)
	@$(RUN) timing --preset "$$PRESET" --board "$$BOARD"

trace: $(READY) ## compare every layer of the RTL with the reference; name the first difference
	@$(RUN) trace --preset "$$PRESET" --board "$$BOARD" $(if $(VIDEO),--video "$$VIDEO")

demo: $(READY) ## watch drawn scenes or VIDEO=file: verdict, picture, and the simulated chip's proof
	@$(RUN) demo $(if $(filter file,$(PRESET_FROM)),,--preset "$$PRESET") $(if $(VIDEO),--video "$$VIDEO")

# One more than the cores of a small machine: many tests wait for cameras, brokers and each other's compilations.
test: $(READY) ## all tests
	@.venv/bin/python -m pytest -n 3 --dist worksteal

bench: $(READY) ## measure everything; writes build/bench/report.json (some minutes)
	@$(RUN) bench

soak: $(READY) ## 10,000 frames through the whole simulated chip: stalls, streams, resets; goes on where it stopped
	@$(RUN) soak --preset "$$PRESET" --board "$$BOARD"

fuzz: $(READY) ## random networks through compile, reference and RTL until stopped (MINUTES=n, SEED=n, CASE=file)
	@$(RUN) fuzz $(if $(MINUTES),--minutes "$$MINUTES") $(if $(SEED),--seed "$$SEED") $(if $(CASE),--case "$$CASE")

formal: $(READY) ## prove the properties of our RTL blocks, and that the proofs find defects
	@$(RUN) formal

lint: $(READY) ## ruff, mypy, and Verilator's lint of our RTL
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python -m mypy
	@$(RUN) lint-rtl

docs: $(READY) ## the documentation as a site, with the public interface's pages, in build/site
	@.venv/bin/python -m mkdocs build --quiet

clean: ## remove build/ (the environment stays)
	rm -rf build
