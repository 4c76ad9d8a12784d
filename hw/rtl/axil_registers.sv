// SPDX-License-Identifier: BSD-3-Clause
// The chip's registers on an AXI4-Lite port: the registers of hw/chip.toml in hardware (docs/registers.md for people).
//
// Function    AW and W are taken in any order, one write and one read at a time. A write without all four byte strobes
//             is answered SLVERR and changes nothing. Offsets that no register has read as 0 and ignore writes.
//             What the chip reports comes in by plain ports; `error` and the events are pulses, kept here until cleared.
//             `clear` gives every register its value after power-on; the bus itself is not disturbed by it.
// Throughput  A write in two cycles, a read in two cycles.
// Latency     A write takes effect, and is answered, in the cycle after both its halves have been taken; a read is
//             answered in the cycle after its address. No ready depends on a valid.
`default_nettype none

module axil_registers
	import context_pkg::*;
	import chip_pkg::*;
#(
	parameter logic [31:0]  BUILD_HASH     = '0,
	parameter int unsigned  INPUT_HEIGHT   = 1,
	parameter int unsigned  INPUT_WIDTH    = 1,
	parameter int unsigned  INPUT_CHANNELS = 1,
	parameter int unsigned  INPUT_BYTES    = 1,
	parameter int unsigned  OUTPUT_LOGITS  = 1,
	parameter int unsigned  RECORD_BYTES   = record_bytes(OUTPUT_LOGITS),
	parameter int unsigned  STREAMS        = 1,
	parameter int unsigned  FRAME_INTERVAL = 1,
	parameter int unsigned  DESCRIPTOR_SLOTS = DESCRIPTORS,
	parameter logic [31:0]  SHAPE_HASH     = '0,
	parameter int unsigned  IMAGE_BYTES    = 24,
	parameter int unsigned  MODELS         = 1,
	parameter bit           INGEST         = 1'b0,	// without, there are none of the registers of ingest
	parameter int unsigned  HISTORY_BYTES  = 0,
	localparam int unsigned BANK_BITS = DESCRIPTOR_CONTEXT_BANK_BITS
)(
	input  wire         clk,
	input  wire         rst_n,
	input  wire         clear,

	// AXI4-Lite
	/* verilator lint_off UNUSEDSIGNAL */	// the two lowest bits: every register is a whole word
	input  wire [11:0]  s_axil_awaddr,
	/* verilator lint_on UNUSEDSIGNAL */
	input  wire         s_axil_awvalid,
	output wire         s_axil_awready,
	input  wire [31:0]  s_axil_wdata,
	input  wire [ 3:0]  s_axil_wstrb,
	input  wire         s_axil_wvalid,
	output wire         s_axil_wready,
	output wire [ 1:0]  s_axil_bresp,
	output wire         s_axil_bvalid,
	input  wire         s_axil_bready,
	/* verilator lint_off UNUSEDSIGNAL */	// the two lowest bits: every register is a whole word
	input  wire [11:0]  s_axil_araddr,
	/* verilator lint_on UNUSEDSIGNAL */
	input  wire         s_axil_arvalid,
	output wire         s_axil_arready,
	output wire [31:0]  s_axil_rdata,
	output wire [ 1:0]  s_axil_rresp,
	output wire         s_axil_rvalid,
	input  wire         s_axil_rready,
	output logic        irq,

	// What software wants
	output logic         run,
	output wire          soft_reset,	// pulse
	output wire          clear_counters,	// pulse
	output logic [31:0]  watchdog,
	output logic [63:0]  read_base,
	output logic [63:0]  read_limit,
	output logic [63:0]  write_base,
	output logic [63:0]  write_limit,
	output logic [31:0]  result_slots,
	output wire          take,	// pulse, with take_count
	output wire  [31:0]  take_count,
	output wire          push,	// pulse, with the descriptor
	output logic [63:0]  descriptor_address,
	output logic [31:0]  descriptor_bytes,
	output logic [31:0]  descriptor_frame_id,
	output wire context_t  descriptor_context,
	output wire [BANK_BITS-1:0]  descriptor_bank,	// of all three kinds
	output wire          push_model,	// pulse, with the descriptor's address, bytes and bank
	output wire          push_plane,	// pulse, with the descriptor and these
	output logic [31:0]  plane_size,
	output logic [31:0]  plane_use,
	output logic [63:0]  history_base,
	output logic [63:0]  history_limit,

	// What the chip reports
	input  wire          busy,
	input  wire          resetting,
	input  wire          halted,
	input  wire          loading,
	input  wire  [STATUS_IN_FLIGHT_BITS-1:0]  in_flight,
	input  wire          result_event,
	input  wire          idle_event,
	input  wire error_t  error,
	input  wire  [31:0]  result_level,
	input  wire  [DESCRIPTOR_LEVEL_USED_BITS-1:0]  descriptors_used,
	input  wire  [63:0]  cycles,
	input  wire  [31:0]  frames_done,
	input  wire  [31:0]  latency_last,
	input  wire  [31:0]  latency_min,
	input  wire  [31:0]  latency_max,
	input  wire  [63:0]  input_stalls,
	input  wire  [63:0]  output_stalls,
	input  wire  [2**BANK_BITS-1:0][31:0]  model_hash,	// of each bank, 0 where there is none
	input  wire  [31:0]  load_cycles,
	input  wire  [31:0]  planes_done,
	input  wire  [31:0]  plane_cycles_last,
	input  wire  [31:0]  plane_cycles_max,
	input  wire  [63:0]  plane_busy
);
	initial begin
		if(INPUT_HEIGHT < 1 || INPUT_HEIGHT >= 2**INPUT_SHAPE_HEIGHT_BITS)
			$error("%m: INPUT_HEIGHT = %0d must be 1 to %0d.", INPUT_HEIGHT, 2**INPUT_SHAPE_HEIGHT_BITS - 1);
		if(INPUT_WIDTH < 1 || INPUT_WIDTH >= 2**INPUT_SHAPE_WIDTH_BITS)
			$error("%m: INPUT_WIDTH = %0d must be 1 to %0d.", INPUT_WIDTH, 2**INPUT_SHAPE_WIDTH_BITS - 1);
		if(INPUT_CHANNELS < 1 || INPUT_CHANNELS >= 2**INPUT_SHAPE_CHANNELS_BITS)
			$error("%m: INPUT_CHANNELS = %0d must be 1 to %0d.", INPUT_CHANNELS, 2**INPUT_SHAPE_CHANNELS_BITS - 1);
		if(INPUT_BYTES < 1)
			$error("%m: INPUT_BYTES = %0d must be 1 or above.", INPUT_BYTES);
		if(OUTPUT_LOGITS < 1 || RECORD_BYTES != record_bytes(OUTPUT_LOGITS))
			$error("%m: OUTPUT_LOGITS = %0d must be 1 or above, RECORD_BYTES = %0d must be %0d.",
				OUTPUT_LOGITS, RECORD_BYTES, record_bytes(OUTPUT_LOGITS));
		if(STREAMS < 1 || STREAMS > MAX_STREAMS)
			$error("%m: STREAMS = %0d must be 1 to %0d.", STREAMS, MAX_STREAMS);
		if(MODELS < 1 || MODELS > 2**BANK_BITS)
			$error("%m: MODELS = %0d must be 1 to %0d.", MODELS, 2**BANK_BITS);
		if(FRAME_INTERVAL < 1)
			$error("%m: FRAME_INTERVAL = %0d must be 1 or above.", FRAME_INTERVAL);
		if(DESCRIPTOR_SLOTS < 1 || DESCRIPTOR_SLOTS >= 2**DESCRIPTOR_LEVEL_FREE_BITS)
			$error("%m: DESCRIPTOR_SLOTS = %0d must be 1 to %0d.", DESCRIPTOR_SLOTS, 2**DESCRIPTOR_LEVEL_FREE_BITS - 1);
	end

	localparam logic [1:0]  OKAY = 2'b00;
	localparam logic [1:0]  SLVERR = 2'b10;

	//-----------------------------------------------------------------------
	// Write channels: each half waits in a register for the other.
	logic         HaveAddress;
	logic         HaveData;
	logic [11:2]  WriteAddress;
	logic [31:0]  WriteData;
	logic         WholeWord;
	logic         BValid;
	logic         BError;

	assign  s_axil_awready = !HaveAddress;
	assign  s_axil_wready = !HaveData;
	assign  s_axil_bvalid = BValid;
	assign  s_axil_bresp = BError? SLVERR : OKAY;

	wire  perform = HaveAddress && HaveData && !BValid;
	wire  write = perform && WholeWord;
	wire [11:0]  at = {WriteAddress, 2'b00};

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			HaveAddress <= 1'b0;
			HaveData <= 1'b0;
			BValid <= 1'b0;
		end
		else begin
			if(s_axil_awvalid && s_axil_awready)  HaveAddress <= 1'b1;
			if(s_axil_wvalid && s_axil_wready)    HaveData <= 1'b1;
			if(perform) begin
				HaveAddress <= 1'b0;
				HaveData <= 1'b0;
				BValid <= 1'b1;
			end
			if(BValid && s_axil_bready)  BValid <= 1'b0;
		end
	end
	always_ff @(posedge clk) begin
		if(s_axil_awready)  WriteAddress <= s_axil_awaddr[11:2];
		if(s_axil_wready) begin
			WriteData <= s_axil_wdata;
			WholeWord <= &s_axil_wstrb;
		end
		if(perform)  BError <= !WholeWord;
	end

	//-----------------------------------------------------------------------
	// Registers that software writes
	assign  soft_reset = write && (at == ADDR_CONTROL) && WriteData[CONTROL_SOFT_RESET_LSB];
	assign  clear_counters = write && (at == ADDR_CONTROL) && WriteData[CONTROL_CLEAR_COUNTERS_LSB];
	assign  take = write && (at == ADDR_RESULT_TAKE);
	assign  take_count = WriteData;
	assign  push = write && (at == ADDR_DESCRIPTOR_CONTEXT);
	assign  descriptor_context = WriteData[$bits(context_t)-1:0];
	assign  descriptor_bank = WriteData[DESCRIPTOR_CONTEXT_BANK_LSB +: BANK_BITS];	// the others have it there as well
	assign  push_model = write && (at == ADDR_DESCRIPTOR_MODEL);
	assign  push_plane = INGEST && write && (at == ADDR_DESCRIPTOR_PLANE);

	irq_t  IrqEnable;
	wire  reset = !rst_n || clear;
	always_ff @(posedge clk) begin
		if(reset) begin
			run <= 1'b0;
			IrqEnable <= '0;
			descriptor_address <= {RESET_DESCRIPTOR_ADDRESS_HI, RESET_DESCRIPTOR_ADDRESS_LO};
			descriptor_bytes <= RESET_DESCRIPTOR_BYTES;
			descriptor_frame_id <= RESET_DESCRIPTOR_FRAME_ID;
		end
		else if(write) begin
			unique case(at)
			ADDR_CONTROL:                run <= WriteData[CONTROL_RUN_LSB];
			ADDR_IRQ_ENABLE:             IrqEnable <= WriteData[$bits(irq_t)-1:0];
			ADDR_DESCRIPTOR_ADDRESS_LO:  descriptor_address[31: 0] <= WriteData;
			ADDR_DESCRIPTOR_ADDRESS_HI:  descriptor_address[63:32] <= WriteData;
			ADDR_DESCRIPTOR_BYTES:       descriptor_bytes <= WriteData;
			ADDR_DESCRIPTOR_FRAME_ID:    descriptor_frame_id <= WriteData;
			default: ;
			endcase
		end
	end

	// Those that only change while the chip neither runs nor finishes what it took: no window moves under a transfer.
	wire  locked = run || busy;
	always_ff @(posedge clk) begin
		if(reset) begin
			watchdog <= RESET_WATCHDOG;
			read_base <= {RESET_READ_BASE_HI, RESET_READ_BASE_LO};
			read_limit <= {RESET_READ_LIMIT_HI, RESET_READ_LIMIT_LO};
			write_base <= {RESET_WRITE_BASE_HI, RESET_WRITE_BASE_LO};
			write_limit <= {RESET_WRITE_LIMIT_HI, RESET_WRITE_LIMIT_LO};
			result_slots <= RESET_RESULT_SLOTS;
		end
		else if(write && !locked) begin
			unique case(at)
			ADDR_WATCHDOG:        watchdog <= WriteData;
			ADDR_READ_BASE_LO:    read_base[31: 0] <= WriteData;
			ADDR_READ_BASE_HI:    read_base[63:32] <= WriteData;
			ADDR_READ_LIMIT_LO:   read_limit[31: 0] <= WriteData;
			ADDR_READ_LIMIT_HI:   read_limit[63:32] <= WriteData;
			ADDR_WRITE_BASE_LO:   write_base[31: 0] <= WriteData;
			ADDR_WRITE_BASE_HI:   write_base[63:32] <= WriteData;
			ADDR_WRITE_LIMIT_LO:  write_limit[31: 0] <= WriteData;
			ADDR_WRITE_LIMIT_HI:  write_limit[63:32] <= WriteData;
			ADDR_RESULT_SLOTS:    result_slots <= WriteData;
			default: ;
			endcase
		end
	end

	// Those of ingest alike, of both kinds.
	if(INGEST) begin : genIngest
		always_ff @(posedge clk) begin
			if(reset) begin
				plane_size <= '0;
				plane_use <= '0;
			end
			else if(write) begin
				if(at == ADDR_DESCRIPTOR_PLANE_SIZE)  plane_size <= WriteData;
				if(at == ADDR_DESCRIPTOR_PLANE_USE)   plane_use <= 32'(WriteData[DESCRIPTOR_PLANE_USE_WHOLE_LSB:0]);
			end
		end
		always_ff @(posedge clk) begin
			if(reset) begin
				history_base <= {RESET_HISTORY_BASE_HI, RESET_HISTORY_BASE_LO};
				history_limit <= {RESET_HISTORY_LIMIT_HI, RESET_HISTORY_LIMIT_LO};
			end
			else if(write && !locked) begin
				if(at == ADDR_HISTORY_BASE_LO)   history_base[31: 0] <= WriteData;
				if(at == ADDR_HISTORY_BASE_HI)   history_base[63:32] <= WriteData;
				if(at == ADDR_HISTORY_LIMIT_LO)  history_limit[31: 0] <= WriteData;
				if(at == ADDR_HISTORY_LIMIT_HI)  history_limit[63:32] <= WriteData;
			end
		end
	end : genIngest
	else begin : genNone
		assign  plane_size = '0;
		assign  plane_use = '0;
		assign  history_base = '0;
		assign  history_limit = '0;
	end : genNone

	//-----------------------------------------------------------------------
	// Flags: an event wins over a write that clears it in the same cycle.
	error_t  Error;
	irq_t    IrqStatus;

	error_t  possible;	// without ingest its flags are constants, and no register is made of them
	always_comb begin
		possible = '1;
		if(!INGEST)  {possible.PLANE_SIZE, possible.PLANE_STRIDE, possible.PLANE_HISTORY, possible.HISTORY_WINDOW} = '0;
	end
	error_t  new_error;
	irq_t    events;
	always_comb begin
		new_error = error & possible;
		new_error.CONFIG |= write && locked && is_idle_only(at) && (INGEST || !is_of_ingest(at));
		events = '0;
		events.RESULT = result_event;
		events.ERROR = |new_error;
		events.IDLE = idle_event;
	end
	wire error_t  clear_error = write && (at == ADDR_ERROR)? WriteData[$bits(error_t)-1:0] : '0;
	wire irq_t    clear_status = write && (at == ADDR_IRQ_STATUS)? WriteData[$bits(irq_t)-1:0] : '0;

	always_ff @(posedge clk) begin
		if(reset) begin
			Error <= '0;
			IrqStatus <= '0;
			irq <= 1'b0;
		end
		else begin
			Error <= Error & ~clear_error & possible | new_error;
			IrqStatus <= IrqStatus & ~clear_status | events;
			irq <= |(IrqStatus & IrqEnable);
		end
	end

	//-----------------------------------------------------------------------
	// Read channels. Reading the low half of a counter keeps its high half for the next read of that.
	logic         RValid;
	logic [31:0]  RData;
	logic [31:0]  CyclesHigh;
	logic [31:0]  InputStallsHigh;
	logic [31:0]  OutputStallsHigh;
	logic [31:0]  PlaneBusyHigh;

	assign  s_axil_arready = !RValid;
	assign  s_axil_rvalid = RValid;
	assign  s_axil_rdata = RData;
	assign  s_axil_rresp = OKAY;

	wire  read = s_axil_arvalid && s_axil_arready;
	wire [11:0]  from = {s_axil_araddr[11:2], 2'b00};
	always_ff @(posedge clk) begin
		if(!rst_n)                         RValid <= 1'b0;
		else if(read)                      RValid <= 1'b1;
		else if(s_axil_rready)             RValid <= 1'b0;
	end
	always_ff @(posedge clk) begin
		if(reset) begin
			CyclesHigh <= RESET_CYCLES_HI;
			InputStallsHigh <= RESET_INPUT_STALLS_HI;
			OutputStallsHigh <= RESET_OUTPUT_STALLS_HI;
			PlaneBusyHigh <= RESET_PLANE_BUSY_HI;
		end
		else if(read) begin
			if(from == ADDR_CYCLES_LO)         CyclesHigh <= cycles[63:32];
			if(from == ADDR_INPUT_STALLS_LO)   InputStallsHigh <= input_stalls[63:32];
			if(from == ADDR_OUTPUT_STALLS_LO)  OutputStallsHigh <= output_stalls[63:32];
			if(from == ADDR_PLANE_BUSY_LO)     PlaneBusyHigh <= plane_busy[63:32];
		end
	end

	logic [31:0]  value;
	always_comb begin
		value = '0;
		unique case(from)
		ADDR_ID:              value = RESET_ID;
		ADDR_VERSION:         value = RESET_VERSION;
		ADDR_BUILD_HASH:      value = BUILD_HASH;
		ADDR_INPUT_SHAPE: begin
			value[INPUT_SHAPE_CHANNELS_LSB +: INPUT_SHAPE_CHANNELS_BITS] = INPUT_SHAPE_CHANNELS_BITS'(INPUT_CHANNELS);
			value[INPUT_SHAPE_WIDTH_LSB +: INPUT_SHAPE_WIDTH_BITS] = INPUT_SHAPE_WIDTH_BITS'(INPUT_WIDTH);
			value[INPUT_SHAPE_HEIGHT_LSB +: INPUT_SHAPE_HEIGHT_BITS] = INPUT_SHAPE_HEIGHT_BITS'(INPUT_HEIGHT);
		end
		ADDR_INPUT_BYTES:     value = INPUT_BYTES;
		ADDR_OUTPUT_LOGITS:   value = OUTPUT_LOGITS;
		ADDR_RECORD_BYTES:    value = RECORD_BYTES;
		ADDR_STREAMS:         value = STREAMS;
		ADDR_FRAME_INTERVAL:  value = FRAME_INTERVAL;
		ADDR_SHAPE_HASH:      value = SHAPE_HASH;
		ADDR_IMAGE_BYTES:     value = IMAGE_BYTES;
		ADDR_MODELS:          value = MODELS;
		ADDR_CONTROL:         value[CONTROL_RUN_LSB] = run;
		ADDR_STATUS: begin
			value[STATUS_BUSY_LSB] = busy;
			value[STATUS_RESETTING_LSB] = resetting;
			value[STATUS_HALTED_LSB] = halted;
			value[STATUS_LOADING_LSB] = loading;
			value[STATUS_IN_FLIGHT_LSB +: STATUS_IN_FLIGHT_BITS] = in_flight;
		end
		ADDR_IRQ_ENABLE:      value = 32'(IrqEnable);
		ADDR_IRQ_STATUS:      value = 32'(IrqStatus);
		ADDR_ERROR:           value = 32'(Error);
		ADDR_WATCHDOG:        value = watchdog;
		ADDR_READ_BASE_LO:    value = read_base[31:0];
		ADDR_READ_BASE_HI:    value = read_base[63:32];
		ADDR_READ_LIMIT_LO:   value = read_limit[31:0];
		ADDR_READ_LIMIT_HI:   value = read_limit[63:32];
		ADDR_WRITE_BASE_LO:   value = write_base[31:0];
		ADDR_WRITE_BASE_HI:   value = write_base[63:32];
		ADDR_WRITE_LIMIT_LO:  value = write_limit[31:0];
		ADDR_WRITE_LIMIT_HI:  value = write_limit[63:32];
		ADDR_RESULT_SLOTS:    value = result_slots;
		ADDR_RESULT_LEVEL:    value = result_level;
		ADDR_DESCRIPTOR_LEVEL: begin
			value[DESCRIPTOR_LEVEL_USED_LSB +: DESCRIPTOR_LEVEL_USED_BITS] = descriptors_used;
			value[DESCRIPTOR_LEVEL_FREE_LSB +: DESCRIPTOR_LEVEL_FREE_BITS] =
				DESCRIPTOR_LEVEL_FREE_BITS'(DESCRIPTOR_SLOTS) - descriptors_used;
		end
		ADDR_DESCRIPTOR_ADDRESS_LO:  value = descriptor_address[31:0];
		ADDR_DESCRIPTOR_ADDRESS_HI:  value = descriptor_address[63:32];
		ADDR_DESCRIPTOR_BYTES:       value = descriptor_bytes;
		ADDR_DESCRIPTOR_FRAME_ID:    value = descriptor_frame_id;
		ADDR_CYCLES_LO:         value = cycles[31:0];
		ADDR_CYCLES_HI:         value = CyclesHigh;
		ADDR_FRAMES_DONE:       value = frames_done;
		ADDR_LATENCY_LAST:      value = latency_last;
		ADDR_LATENCY_MIN:       value = latency_min;
		ADDR_LATENCY_MAX:       value = latency_max;
		ADDR_INPUT_STALLS_LO:   value = input_stalls[31:0];
		ADDR_INPUT_STALLS_HI:   value = InputStallsHigh;
		ADDR_OUTPUT_STALLS_LO:  value = output_stalls[31:0];
		ADDR_OUTPUT_STALLS_HI:  value = OutputStallsHigh;
		ADDR_MODEL_HASH:        value = model_hash[0];
		ADDR_LOAD_CYCLES:       value = load_cycles;
		ADDR_MODEL_HASH_1:      value = model_hash[1];
		ADDR_MODEL_HASH_2:      value = model_hash[2];
		ADDR_MODEL_HASH_3:      value = model_hash[3];
		ADDR_HISTORY_BYTES:     value = INGEST? HISTORY_BYTES : '0;
		ADDR_HISTORY_BASE_LO:   value = history_base[31:0];
		ADDR_HISTORY_BASE_HI:   value = history_base[63:32];
		ADDR_HISTORY_LIMIT_LO:  value = history_limit[31:0];
		ADDR_HISTORY_LIMIT_HI:  value = history_limit[63:32];
		ADDR_DESCRIPTOR_PLANE_SIZE:  value = plane_size;
		ADDR_DESCRIPTOR_PLANE_USE:   value = plane_use;
		ADDR_PLANES_DONE:       value = INGEST? planes_done : '0;
		ADDR_PLANE_CYCLES_LAST:  value = INGEST? plane_cycles_last : '0;
		ADDR_PLANE_CYCLES_MAX:  value = INGEST? plane_cycles_max : '0;
		ADDR_PLANE_BUSY_LO:     value = INGEST? plane_busy[31:0] : '0;
		ADDR_PLANE_BUSY_HI:     value = INGEST? PlaneBusyHigh : '0;
		default: ;
		endcase
	end
	always_ff @(posedge clk) begin
		if(read)  RData <= value;
	end

endmodule : axil_registers

`default_nettype wire
