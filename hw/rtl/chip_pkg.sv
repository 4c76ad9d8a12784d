// SPDX-License-Identifier: BSD-3-Clause
// Registers, records, queues and bursts of the chip (made by hw.contract from hw/chip.toml).
`default_nettype none

package chip_pkg;
	/* verilator lint_off UNUSEDPARAM */	// a module uses those that it needs
	localparam int unsigned  DESCRIPTORS = 16;	// frames that the chip's descriptor queue holds
	localparam int unsigned  IN_CORE = 16;	// frames that can be inside the core, and contexts that wait for its temporal shifts
	localparam int unsigned  RECORDS = 32;	// frames under way, each with a slot in the driver's ring: a full descriptor queue, and what DMA and core hold
	localparam int unsigned  MAX_PLANE_WIDTH = 4096;	// of a plane that ingest takes
	localparam int unsigned  MAX_PLANE_HEIGHT = 2304;	// of a plane that ingest takes
	localparam int unsigned  ZYNQ7_READ_BURST = 16;	// beats at most
	localparam int unsigned  ZYNQ7_WRITE_BURST = 16;	// beats at most
	localparam int unsigned  ZYNQUPLUS_READ_BURST = 256;	// beats at most
	localparam int unsigned  ZYNQUPLUS_WRITE_BURST = 16;	// beats at most

	typedef struct packed {
		logic  IDLE;	// the chip became idle
		logic  ERROR;	// an error flag was set
		logic  RESULT;	// a result record was written
	} irq_t;

	typedef struct packed {
		logic  HISTORY_WINDOW;	// the histories do not lie inside HISTORY_BASE to HISTORY_LIMIT; the chip halts
		logic  PLANE_HISTORY;	// a clip's first or second image was to make an input; it is kept, there is none
		logic  PLANE_STRIDE;	// a plane's stride is below its width; it was dropped
		logic  PLANE_SIZE;	// a plane is smaller than the input, or larger than PLANE; it was dropped
		logic  MODEL_MISSING;	// no model in the bank of a frame whose turn came, or no such bank; it was dropped
		logic  MODEL_CRC;	// a model image's check sum is wrong; there is no model until a good one is loaded
		logic  MODEL_SHAPE;	// no image of this chip, or for no bank of it; not loaded, the model in use stays
		logic  MODEL_SIZE;	// a model image's length is not IMAGE_BYTES; it was dropped
		logic  RESULT_UNDERFLOW;	// RESULT_TAKE took more records than there were; it was ignored
		logic  CONFIG;	// a register that may only change while RUN and BUSY are 0 was written at another time
		logic  WATCHDOG;	// the core holds frames, and no beat moved at its ports for WATCHDOG cycles; the chip halts
		logic  RESULT_FULL;	// a record found all slots taken and waits for RESULT_TAKE
		logic  DESCRIPTOR_OVERFLOW;	// a descriptor was pushed into a full queue; it was dropped
		logic  STREAM;	// a descriptor's stream is not below STREAMS; it was dropped
		logic  FRAME_SIZE;	// a descriptor's length is not INPUT_BYTES; it was dropped
		logic  WRITE_WINDOW;	// a record's slot does not lie inside WRITE_BASE to WRITE_LIMIT; the chip halts
		logic  READ_WINDOW;	// what a descriptor names does not lie inside READ_BASE to READ_LIMIT; it was dropped
		logic  WRITE_RESPONSE;	// memory answered a write with SLVERR or DECERR; the chip halts
		logic  READ_RESPONSE;	// memory answered a read with SLVERR or DECERR; the chip halts
	} error_t;

	typedef struct packed {
		logic [31:0]  SEQUENCE;	// 0 for the first record since reset, then one more each, modulo 2^32
		logic [31:0]  LATENCY;	// from the frame's first input beat to its last output beat
		logic [23:0]  ABOVE_CONTEXT;	// 0
		context_pkg::context_t  CONTEXT;	// STREAM and CLEAR of the descriptor's `DESCRIPTOR_CONTEXT`; the bits above are 0
		logic [31:0]  FRAME_ID;	// the descriptor's `DESCRIPTOR_FRAME_ID`
	} record_header_t;
	localparam int unsigned  RECORD_ALIGNMENT = 8;	// bytes
	localparam int unsigned  RECORD_LOGIT_BITS = 32;	// of a logit in a record, signed

	// Bytes of the record of a frame with so many logits
	function automatic int unsigned record_bytes(input int unsigned logits);
		record_bytes = ($bits(record_header_t)/8 + RECORD_LOGIT_BITS/8*logits + RECORD_ALIGNMENT - 1)
			/ RECORD_ALIGNMENT * RECORD_ALIGNMENT;
	endfunction : record_bytes

	localparam logic [11:0]  ADDR_ID = 12'h000;
	localparam logic [31:0]  RESET_ID = 32'h53464331;
	localparam logic [11:0]  ADDR_VERSION = 12'h004;
	localparam logic [31:0]  RESET_VERSION = 32'h01020000;
	localparam logic [11:0]  ADDR_BUILD_HASH = 12'h008;
	localparam logic [11:0]  ADDR_INPUT_SHAPE = 12'h00C;
	localparam int unsigned  INPUT_SHAPE_CHANNELS_LSB = 0;
	localparam int unsigned  INPUT_SHAPE_CHANNELS_BITS = 8;
	localparam int unsigned  INPUT_SHAPE_WIDTH_LSB = 8;
	localparam int unsigned  INPUT_SHAPE_WIDTH_BITS = 12;
	localparam int unsigned  INPUT_SHAPE_HEIGHT_LSB = 20;
	localparam int unsigned  INPUT_SHAPE_HEIGHT_BITS = 12;
	localparam logic [11:0]  ADDR_INPUT_BYTES = 12'h010;
	localparam logic [11:0]  ADDR_OUTPUT_LOGITS = 12'h014;
	localparam logic [11:0]  ADDR_RECORD_BYTES = 12'h018;
	localparam logic [11:0]  ADDR_STREAMS = 12'h01C;
	localparam logic [11:0]  ADDR_FRAME_INTERVAL = 12'h020;
	localparam logic [11:0]  ADDR_SHAPE_HASH = 12'h024;
	localparam logic [11:0]  ADDR_IMAGE_BYTES = 12'h028;
	localparam logic [11:0]  ADDR_MODELS = 12'h02C;
	localparam logic [11:0]  ADDR_CONTROL = 12'h040;
	localparam int unsigned  CONTROL_RUN_LSB = 0;
	localparam int unsigned  CONTROL_SOFT_RESET_LSB = 1;
	localparam int unsigned  CONTROL_CLEAR_COUNTERS_LSB = 2;
	localparam logic [11:0]  ADDR_STATUS = 12'h044;
	localparam int unsigned  STATUS_BUSY_LSB = 0;
	localparam int unsigned  STATUS_RESETTING_LSB = 1;
	localparam int unsigned  STATUS_HALTED_LSB = 2;
	localparam int unsigned  STATUS_LOADING_LSB = 3;
	localparam int unsigned  STATUS_IN_FLIGHT_LSB = 8;
	localparam int unsigned  STATUS_IN_FLIGHT_BITS = 8;
	localparam logic [11:0]  ADDR_IRQ_ENABLE = 12'h048;
	localparam int unsigned  IRQ_ENABLE_RESULT_LSB = 0;
	localparam int unsigned  IRQ_ENABLE_ERROR_LSB = 1;
	localparam int unsigned  IRQ_ENABLE_IDLE_LSB = 2;
	localparam logic [11:0]  ADDR_IRQ_STATUS = 12'h04C;
	localparam int unsigned  IRQ_STATUS_RESULT_LSB = 0;
	localparam int unsigned  IRQ_STATUS_ERROR_LSB = 1;
	localparam int unsigned  IRQ_STATUS_IDLE_LSB = 2;
	localparam logic [11:0]  ADDR_ERROR = 12'h050;
	localparam int unsigned  ERROR_READ_RESPONSE_LSB = 0;
	localparam int unsigned  ERROR_WRITE_RESPONSE_LSB = 1;
	localparam int unsigned  ERROR_READ_WINDOW_LSB = 2;
	localparam int unsigned  ERROR_WRITE_WINDOW_LSB = 3;
	localparam int unsigned  ERROR_FRAME_SIZE_LSB = 4;
	localparam int unsigned  ERROR_STREAM_LSB = 5;
	localparam int unsigned  ERROR_DESCRIPTOR_OVERFLOW_LSB = 6;
	localparam int unsigned  ERROR_RESULT_FULL_LSB = 7;
	localparam int unsigned  ERROR_WATCHDOG_LSB = 8;
	localparam int unsigned  ERROR_CONFIG_LSB = 9;
	localparam int unsigned  ERROR_RESULT_UNDERFLOW_LSB = 10;
	localparam int unsigned  ERROR_MODEL_SIZE_LSB = 11;
	localparam int unsigned  ERROR_MODEL_SHAPE_LSB = 12;
	localparam int unsigned  ERROR_MODEL_CRC_LSB = 13;
	localparam int unsigned  ERROR_MODEL_MISSING_LSB = 14;
	localparam int unsigned  ERROR_PLANE_SIZE_LSB = 15;
	localparam int unsigned  ERROR_PLANE_STRIDE_LSB = 16;
	localparam int unsigned  ERROR_PLANE_HISTORY_LSB = 17;
	localparam int unsigned  ERROR_HISTORY_WINDOW_LSB = 18;
	localparam logic [11:0]  ADDR_WATCHDOG = 12'h054;
	localparam logic [31:0]  RESET_WATCHDOG = 32'h00000000;
	localparam logic [11:0]  ADDR_READ_BASE_LO = 12'h060;
	localparam logic [31:0]  RESET_READ_BASE_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_READ_BASE_HI = 12'h064;
	localparam logic [31:0]  RESET_READ_BASE_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_READ_LIMIT_LO = 12'h068;
	localparam logic [31:0]  RESET_READ_LIMIT_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_READ_LIMIT_HI = 12'h06C;
	localparam logic [31:0]  RESET_READ_LIMIT_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_WRITE_BASE_LO = 12'h070;
	localparam logic [31:0]  RESET_WRITE_BASE_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_WRITE_BASE_HI = 12'h074;
	localparam logic [31:0]  RESET_WRITE_BASE_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_WRITE_LIMIT_LO = 12'h078;
	localparam logic [31:0]  RESET_WRITE_LIMIT_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_WRITE_LIMIT_HI = 12'h07C;
	localparam logic [31:0]  RESET_WRITE_LIMIT_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_RESULT_SLOTS = 12'h080;
	localparam logic [31:0]  RESET_RESULT_SLOTS = 32'h00000000;
	localparam logic [11:0]  ADDR_RESULT_LEVEL = 12'h084;
	localparam logic [31:0]  RESET_RESULT_LEVEL = 32'h00000000;
	localparam logic [11:0]  ADDR_RESULT_TAKE = 12'h088;
	localparam logic [11:0]  ADDR_DESCRIPTOR_LEVEL = 12'h090;
	localparam int unsigned  DESCRIPTOR_LEVEL_USED_LSB = 0;
	localparam int unsigned  DESCRIPTOR_LEVEL_USED_BITS = 16;
	localparam int unsigned  DESCRIPTOR_LEVEL_FREE_LSB = 16;
	localparam int unsigned  DESCRIPTOR_LEVEL_FREE_BITS = 16;
	localparam logic [11:0]  ADDR_DESCRIPTOR_ADDRESS_LO = 12'h094;
	localparam logic [31:0]  RESET_DESCRIPTOR_ADDRESS_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_DESCRIPTOR_ADDRESS_HI = 12'h098;
	localparam logic [31:0]  RESET_DESCRIPTOR_ADDRESS_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_DESCRIPTOR_BYTES = 12'h09C;
	localparam logic [31:0]  RESET_DESCRIPTOR_BYTES = 32'h00000000;
	localparam logic [11:0]  ADDR_DESCRIPTOR_FRAME_ID = 12'h0A0;
	localparam logic [31:0]  RESET_DESCRIPTOR_FRAME_ID = 32'h00000000;
	localparam logic [11:0]  ADDR_DESCRIPTOR_CONTEXT = 12'h0A4;
	localparam int unsigned  DESCRIPTOR_CONTEXT_STREAM_LSB = 0;
	localparam int unsigned  DESCRIPTOR_CONTEXT_STREAM_BITS = 7;
	localparam int unsigned  DESCRIPTOR_CONTEXT_CLEAR_LSB = 7;
	localparam int unsigned  DESCRIPTOR_CONTEXT_BANK_LSB = 8;
	localparam int unsigned  DESCRIPTOR_CONTEXT_BANK_BITS = 2;
	localparam logic [11:0]  ADDR_DESCRIPTOR_MODEL = 12'h0A8;
	localparam int unsigned  DESCRIPTOR_MODEL_BANK_LSB = 8;
	localparam int unsigned  DESCRIPTOR_MODEL_BANK_BITS = 2;
	localparam logic [11:0]  ADDR_CYCLES_LO = 12'h0C0;
	localparam logic [31:0]  RESET_CYCLES_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_CYCLES_HI = 12'h0C4;
	localparam logic [31:0]  RESET_CYCLES_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_FRAMES_DONE = 12'h0C8;
	localparam logic [31:0]  RESET_FRAMES_DONE = 32'h00000000;
	localparam logic [11:0]  ADDR_LATENCY_LAST = 12'h0CC;
	localparam logic [31:0]  RESET_LATENCY_LAST = 32'h00000000;
	localparam logic [11:0]  ADDR_LATENCY_MIN = 12'h0D0;
	localparam logic [31:0]  RESET_LATENCY_MIN = 32'hFFFFFFFF;
	localparam logic [11:0]  ADDR_LATENCY_MAX = 12'h0D4;
	localparam logic [31:0]  RESET_LATENCY_MAX = 32'h00000000;
	localparam logic [11:0]  ADDR_INPUT_STALLS_LO = 12'h0D8;
	localparam logic [31:0]  RESET_INPUT_STALLS_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_INPUT_STALLS_HI = 12'h0DC;
	localparam logic [31:0]  RESET_INPUT_STALLS_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_OUTPUT_STALLS_LO = 12'h0E0;
	localparam logic [31:0]  RESET_OUTPUT_STALLS_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_OUTPUT_STALLS_HI = 12'h0E4;
	localparam logic [31:0]  RESET_OUTPUT_STALLS_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_MODEL_HASH = 12'h0E8;
	localparam logic [11:0]  ADDR_LOAD_CYCLES = 12'h0EC;
	localparam logic [31:0]  RESET_LOAD_CYCLES = 32'h00000000;
	localparam logic [11:0]  ADDR_MODEL_HASH_1 = 12'h0F0;
	localparam logic [11:0]  ADDR_MODEL_HASH_2 = 12'h0F4;
	localparam logic [11:0]  ADDR_MODEL_HASH_3 = 12'h0F8;
	localparam logic [11:0]  ADDR_HISTORY_BYTES = 12'h100;
	localparam logic [11:0]  ADDR_HISTORY_BASE_LO = 12'h104;
	localparam logic [31:0]  RESET_HISTORY_BASE_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_HISTORY_BASE_HI = 12'h108;
	localparam logic [31:0]  RESET_HISTORY_BASE_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_HISTORY_LIMIT_LO = 12'h10C;
	localparam logic [31:0]  RESET_HISTORY_LIMIT_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_HISTORY_LIMIT_HI = 12'h110;
	localparam logic [31:0]  RESET_HISTORY_LIMIT_HI = 32'h00000000;
	localparam logic [11:0]  ADDR_DESCRIPTOR_PLANE_SIZE = 12'h114;
	localparam int unsigned  DESCRIPTOR_PLANE_SIZE_WIDTH_LSB = 0;
	localparam int unsigned  DESCRIPTOR_PLANE_SIZE_WIDTH_BITS = 16;
	localparam int unsigned  DESCRIPTOR_PLANE_SIZE_HEIGHT_LSB = 16;
	localparam int unsigned  DESCRIPTOR_PLANE_SIZE_HEIGHT_BITS = 16;
	localparam logic [11:0]  ADDR_DESCRIPTOR_PLANE_USE = 12'h118;
	localparam int unsigned  DESCRIPTOR_PLANE_USE_STRIDE_LSB = 0;
	localparam int unsigned  DESCRIPTOR_PLANE_USE_STRIDE_BITS = 16;
	localparam int unsigned  DESCRIPTOR_PLANE_USE_RESTART_LSB = 16;
	localparam int unsigned  DESCRIPTOR_PLANE_USE_RUN_LSB = 17;
	localparam int unsigned  DESCRIPTOR_PLANE_USE_WHOLE_LSB = 18;
	localparam logic [11:0]  ADDR_DESCRIPTOR_PLANE = 12'h11C;
	localparam int unsigned  DESCRIPTOR_PLANE_STREAM_LSB = 0;
	localparam int unsigned  DESCRIPTOR_PLANE_STREAM_BITS = 7;
	localparam int unsigned  DESCRIPTOR_PLANE_CLEAR_LSB = 7;
	localparam int unsigned  DESCRIPTOR_PLANE_BANK_LSB = 8;
	localparam int unsigned  DESCRIPTOR_PLANE_BANK_BITS = 2;
	localparam logic [11:0]  ADDR_PLANES_DONE = 12'h120;
	localparam logic [31:0]  RESET_PLANES_DONE = 32'h00000000;
	localparam logic [11:0]  ADDR_PLANE_CYCLES_LAST = 12'h124;
	localparam logic [31:0]  RESET_PLANE_CYCLES_LAST = 32'h00000000;
	localparam logic [11:0]  ADDR_PLANE_CYCLES_MAX = 12'h128;
	localparam logic [31:0]  RESET_PLANE_CYCLES_MAX = 32'h00000000;
	localparam logic [11:0]  ADDR_PLANE_BUSY_LO = 12'h12C;
	localparam logic [31:0]  RESET_PLANE_BUSY_LO = 32'h00000000;
	localparam logic [11:0]  ADDR_PLANE_BUSY_HI = 12'h130;
	localparam logic [31:0]  RESET_PLANE_BUSY_HI = 32'h00000000;

	// Whether the register at an offset changes only while CONTROL.RUN and STATUS.BUSY are 0
	function automatic logic is_idle_only(input logic [11:0] at);
		unique case(at)
		ADDR_WATCHDOG, ADDR_READ_BASE_LO, ADDR_READ_BASE_HI, ADDR_READ_LIMIT_LO, ADDR_READ_LIMIT_HI,
		ADDR_WRITE_BASE_LO, ADDR_WRITE_BASE_HI, ADDR_WRITE_LIMIT_LO, ADDR_WRITE_LIMIT_HI, ADDR_RESULT_SLOTS,
		ADDR_HISTORY_BASE_LO, ADDR_HISTORY_BASE_HI, ADDR_HISTORY_LIMIT_LO, ADDR_HISTORY_LIMIT_HI:
			is_idle_only = 1'b1;
		default:	is_idle_only = 1'b0;
		endcase
	endfunction : is_idle_only

	// Whether only a chip with ingest has the register at an offset
	function automatic logic is_of_ingest(input logic [11:0] at);
		unique case(at)
		ADDR_HISTORY_BYTES, ADDR_HISTORY_BASE_LO, ADDR_HISTORY_BASE_HI, ADDR_HISTORY_LIMIT_LO,
		ADDR_HISTORY_LIMIT_HI, ADDR_DESCRIPTOR_PLANE_SIZE, ADDR_DESCRIPTOR_PLANE_USE, ADDR_DESCRIPTOR_PLANE,
		ADDR_PLANES_DONE, ADDR_PLANE_CYCLES_LAST, ADDR_PLANE_CYCLES_MAX, ADDR_PLANE_BUSY_LO,
		ADDR_PLANE_BUSY_HI:
			is_of_ingest = 1'b1;
		default:	is_of_ingest = 1'b0;
		endcase
	endfunction : is_of_ingest
	/* verilator lint_on UNUSEDPARAM */
endpackage : chip_pkg

`default_nettype wire
