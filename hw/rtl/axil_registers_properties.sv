// SPDX-License-Identifier: BSD-3-Clause
// axil_registers: AXI4-Lite's rules; a register of the solver's choice reads as it was written; flags are set by every
// event and cleared by a 1 alone; pulses come once a write.
`default_nettype none

module axil_registers_properties
	import context_pkg::*;
	import chip_pkg::*;
#(
	parameter logic [31:0]  BUILD_HASH,
	parameter int unsigned  INPUT_BYTES,
	parameter int unsigned  STREAMS,
	parameter logic [31:0]  SHAPE_HASH,
	parameter int unsigned  IMAGE_BYTES,
	parameter bit           INGEST,
	parameter int unsigned  HISTORY_BYTES
)(
	input  wire         clk,
	input  wire         rst_n,
	input  wire         clear,

	input  wire [11:0]  s_axil_awaddr,
	input  wire         s_axil_awvalid,
	input  wire         s_axil_awready,
	input  wire [31:0]  s_axil_wdata,
	input  wire [ 3:0]  s_axil_wstrb,
	input  wire         s_axil_wvalid,
	input  wire         s_axil_wready,
	input  wire [ 1:0]  s_axil_bresp,
	input  wire         s_axil_bvalid,
	input  wire         s_axil_bready,
	input  wire [11:0]  s_axil_araddr,
	input  wire         s_axil_arvalid,
	input  wire         s_axil_arready,
	input  wire [31:0]  s_axil_rdata,
	input  wire [ 1:0]  s_axil_rresp,
	input  wire         s_axil_rvalid,
	input  wire         s_axil_rready,
	input  wire         irq,

	input  wire         run,
	input  wire         soft_reset,
	input  wire         clear_counters,
	input  wire [31:0]  watchdog,
	input  wire [63:0]  read_base,
	input  wire [63:0]  read_limit,
	input  wire [63:0]  write_base,
	input  wire [63:0]  write_limit,
	input  wire [31:0]  result_slots,
	input  wire         take,
	input  wire [31:0]  take_count,
	input  wire         push,
	input  wire [63:0]  descriptor_address,
	input  wire [31:0]  descriptor_bytes,
	input  wire [31:0]  descriptor_frame_id,
	input  wire context_t  descriptor_context,
	input  wire [DESCRIPTOR_CONTEXT_BANK_BITS-1:0]  descriptor_bank,
	input  wire         push_model,
	input  wire         push_plane,
	input  wire [31:0]  plane_size,
	input  wire [31:0]  plane_use,
	input  wire [63:0]  history_base,
	input  wire [63:0]  history_limit,

	input  wire         busy,
	input  wire         resetting,
	input  wire         halted,
	input  wire         loading,
	input  wire [STATUS_IN_FLIGHT_BITS-1:0]  in_flight,
	input  wire         result_event,
	input  wire         idle_event,
	input  wire error_t  error,
	input  wire [31:0]  result_level,
	input  wire [63:0]  cycles,
	input  wire [31:0]  frames_done,
	input  wire [2**DESCRIPTOR_CONTEXT_BANK_BITS-1:0][31:0]  model_hash,
	input  wire [31:0]  load_cycles,

	// inside the block
	input  wire error_t  Error,
	input  wire irq_t    IrqStatus,
	input  wire irq_t    IrqEnable
);
	localparam logic [1:0]  OKAY = 2'b00;
	localparam logic [1:0]  SLVERR = 2'b10;

	logic  was_reset;
	power_up  start(.clk, .rst_n, .was_reset);
	wire [1:0]  write_addresses;
	wire [1:0]  write_words;
	wire [1:0]  reads;
	axi_lite_rules #(.ADDR_BITS(12), .OUTSTANDING(2), .MASTER(0))  port(
		.clk, .rst_n,
		.awaddr(s_axil_awaddr), .awprot('0), .awvalid(s_axil_awvalid), .awready(s_axil_awready),
		.wdata(s_axil_wdata), .wstrb(s_axil_wstrb), .wvalid(s_axil_wvalid), .wready(s_axil_wready),
		.bresp(s_axil_bresp), .bvalid(s_axil_bvalid), .bready(s_axil_bready),
		.araddr(s_axil_araddr), .arprot('0), .arvalid(s_axil_arvalid), .arready(s_axil_arready),
		.rdata(s_axil_rdata), .rresp(s_axil_rresp), .rvalid(s_axil_rvalid), .rready(s_axil_rready),
		.write_addresses, .write_words, .reads);

	//-----------------------------------------------------------------------
	// Writes: both halves in any order, then the deed, then the answer.
	logic         HaveAddress, HaveData, Due, Whole, Refused;
	logic [11:0]  At;
	logic [31:0]  Data;
	wire  aw_take = s_axil_awvalid && s_axil_awready;
	wire  w_take = s_axil_wvalid && s_axil_wready;
	wire  b_take = s_axil_bvalid && s_axil_bready;
	wire  deed = HaveAddress && HaveData && !Due;
	wire  write = deed && Whole;
	always_ff @(posedge clk) begin
		if(!rst_n) begin
			HaveAddress <= 0;
			HaveData <= 0;
			Due <= 0;
		end
		else begin
			HaveAddress <= !deed && (HaveAddress || aw_take);
			HaveData <= !deed && (HaveData || w_take);
			Due <= deed || (Due && !b_take);
		end
		if(aw_take)  At <= {s_axil_awaddr[11:2], 2'b00};
		if(w_take) begin
			Data <= s_axil_wdata;
			Whole <= &s_axil_wstrb;
		end
		if(deed)  Refused <= !Whole;
	end

	always_comb if(rst_n) begin
		if(aw_take)  one_address_at_a_time: assert(!HaveAddress);
		if(w_take)  one_data_at_a_time: assert(!HaveData);
		never_stuck: assert((s_axil_awready || HaveAddress) && (s_axil_wready || HaveData));
		answer_comes_at_once: assert(s_axil_bvalid == Due);
		writes_counted: assert((write_addresses == 2'(HaveAddress) + 2'(Due))
			&& (write_words == 2'(HaveData) + 2'(Due)));
		if(Due)  answer: assert(s_axil_bresp == (Refused? SLVERR : OKAY));
		pulse_take: assert(take == (write && (At == ADDR_RESULT_TAKE)));
		if(take)  count_taken: assert(take_count == Data);
		pulse_push: assert(push == (write && (At == ADDR_DESCRIPTOR_CONTEXT)));
		pulse_model: assert(push_model == (write && (At == ADDR_DESCRIPTOR_MODEL)));
		pulse_push_plane: assert(push_plane == (INGEST && write && (At == ADDR_DESCRIPTOR_PLANE)));
		if(push || push_plane)  context_pushed: assert(descriptor_context == Data[$bits(context_t)-1:0]);
		if(push)  frames_bank: assert(descriptor_bank == Data[DESCRIPTOR_CONTEXT_BANK_LSB +: DESCRIPTOR_CONTEXT_BANK_BITS]);
		if(push_model)  images_bank: assert(descriptor_bank == Data[DESCRIPTOR_MODEL_BANK_LSB +: DESCRIPTOR_MODEL_BANK_BITS]);
		if(push_plane)  planes_bank: assert(descriptor_bank == Data[DESCRIPTOR_PLANE_BANK_LSB +: DESCRIPTOR_PLANE_BANK_BITS]);
		pulse_reset: assert(soft_reset == (write && (At == ADDR_CONTROL) && Data[CONTROL_SOFT_RESET_LSB]));
		pulse_clear: assert(clear_counters == (write && (At == ADDR_CONTROL) && Data[CONTROL_CLEAR_COUNTERS_LSB]));
		data_first: cover(deed && !Due && HaveData && push);
		refused: cover(b_take && Refused);
		two_waiting: cover(Due && HaveAddress && HaveData);
	end

	//-----------------------------------------------------------------------
	// One register of the solver's choice
	logic [11:0]  Watch;
	always_ff @(posedge clk)  Watch <= Watch;
	always_comb whole_word: assume(Watch[1:0] == 0);

	wire  only_idle = (Watch == ADDR_WATCHDOG) || (Watch == ADDR_RESULT_SLOTS)
		|| (Watch >= ADDR_READ_BASE_LO && Watch <= ADDR_WRITE_LIMIT_HI)
		|| (INGEST && Watch >= ADDR_HISTORY_BASE_LO && Watch <= ADDR_HISTORY_LIMIT_HI);
	wire  writes_idle_only = (At == ADDR_WATCHDOG) || (At == ADDR_RESULT_SLOTS)
		|| (At >= ADDR_READ_BASE_LO && At <= ADDR_WRITE_LIMIT_HI)
		|| (INGEST && At >= ADDR_HISTORY_BASE_LO && At <= ADDR_HISTORY_LIMIT_HI);
	wire  stored = only_idle || (Watch == ADDR_CONTROL) || (Watch == ADDR_IRQ_ENABLE)
		|| (Watch >= ADDR_DESCRIPTOR_ADDRESS_LO && Watch <= ADDR_DESCRIPTOR_FRAME_ID)
		|| (INGEST && Watch >= ADDR_DESCRIPTOR_PLANE_SIZE && Watch <= ADDR_DESCRIPTOR_PLANE_USE);
	wire [31:0]  mask = Watch == ADDR_CONTROL? 32'd1 << CONTROL_RUN_LSB
		: Watch == ADDR_DESCRIPTOR_PLANE_USE? (32'd1 << (DESCRIPTOR_PLANE_USE_WHOLE_LSB + 1)) - 1
		: Watch == ADDR_IRQ_ENABLE? (32'd1 << $bits(irq_t)) - 1 : '1;
	logic [31:0]  Value;	// what it must read as, where it is one that stores
	logic         Run;
	error_t       Flags;
	irq_t         Causes;
	logic [31:0]  CyclesHigh;
	wire  read = s_axil_arvalid && s_axil_arready;
	wire [11:0]  from = {s_axil_araddr[11:2], 2'b00};
	wire  reset = !rst_n || clear;
	error_t  new_flags;
	irq_t    new_causes;
	always_comb begin
		new_flags = error;
		if(!INGEST)  {new_flags.PLANE_SIZE, new_flags.PLANE_STRIDE, new_flags.PLANE_HISTORY, new_flags.HISTORY_WINDOW} = '0;
		if(write && (Run || busy) && writes_idle_only)  new_flags.CONFIG = 1;
		new_causes.RESULT = result_event;
		new_causes.ERROR = |new_flags;
		new_causes.IDLE = idle_event;
	end
	always_ff @(posedge clk) begin
		if(reset) begin
			Value <= 0;
			Run <= 0;
			Flags <= 0;
			Causes <= 0;
			CyclesHigh <= 0;
		end
		else begin
			if(write && (At == Watch) && !(only_idle && (Run || busy)))  Value <= Data & mask;
			if(write && (At == ADDR_CONTROL))  Run <= Data[CONTROL_RUN_LSB];
			Flags <= new_flags | (Flags & ~(write && (At == ADDR_ERROR)? Data[$bits(error_t)-1:0] : '0));
			Causes <= new_causes | (Causes & ~(write && (At == ADDR_IRQ_STATUS)? Data[$bits(irq_t)-1:0] : '0));
			if(read && (from == ADDR_CYCLES_LO))  CyclesHigh <= cycles[63:32];
		end
	end

	logic         Asked;
	logic [11:0]  From;
	logic [31:0]  Expected;
	logic         Known;	// there is an expectation
	logic [31:0]  expected;
	logic         known;
	always_comb begin
		known = 1;
		expected = 0;
		if(stored) begin
			expected = Value;
			known = from == Watch;
		end
		else unique case(from)
			ADDR_ID:            expected = RESET_ID;
			ADDR_BUILD_HASH:    expected = BUILD_HASH;
			ADDR_INPUT_BYTES:   expected = INPUT_BYTES;
			ADDR_STREAMS:       expected = STREAMS;
			ADDR_SHAPE_HASH:    expected = SHAPE_HASH;
			ADDR_IMAGE_BYTES:   expected = IMAGE_BYTES;
			ADDR_ERROR:         expected = 32'(Flags);
			ADDR_IRQ_STATUS:    expected = 32'(Causes);
			ADDR_STATUS:        expected = 32'(in_flight) << STATUS_IN_FLIGHT_LSB | 32'(halted) << STATUS_HALTED_LSB
				| 32'(resetting) << STATUS_RESETTING_LSB | 32'(busy) << STATUS_BUSY_LSB | 32'(loading) << STATUS_LOADING_LSB;
			ADDR_RESULT_LEVEL:  expected = result_level;
			ADDR_FRAMES_DONE:   expected = frames_done;
			ADDR_CYCLES_LO:     expected = cycles[31:0];
			ADDR_CYCLES_HI:     expected = CyclesHigh;
			ADDR_MODEL_HASH:    expected = model_hash[0];
			ADDR_LOAD_CYCLES:   expected = load_cycles;
			ADDR_MODEL_HASH_1:  expected = model_hash[1];
			ADDR_MODEL_HASH_2:  expected = model_hash[2];
			ADDR_MODEL_HASH_3:  expected = model_hash[3];
			ADDR_RESULT_TAKE, ADDR_DESCRIPTOR_CONTEXT, ADDR_DESCRIPTOR_MODEL:  expected = 0;
			ADDR_HISTORY_BYTES:  expected = INGEST? HISTORY_BYTES : 0;
			default:            known = from > (INGEST? ADDR_PLANE_BUSY_HI : ADDR_MODEL_HASH_3);	// behind the last all is 0
		endcase
	end
	always_ff @(posedge clk) begin
		if(!rst_n)  Asked <= 0;
		else        Asked <= read || (Asked && !s_axil_rready);
		if(read) begin
			Expected <= expected;
			Known <= known;
		end
	end

	always_comb if(rst_n) begin
		if(read)  one_read_at_a_time: assert(!Asked);
		read_at_once: assert((s_axil_rvalid == Asked) && (reads == 2'(Asked)));
		if(s_axil_rvalid)  read_okay: assert(s_axil_rresp == OKAY);
		if(s_axil_rvalid && Known)  reads_right: assert(s_axil_rdata == Expected);

		is_running: assert(run == Run);
		unique case(Watch)
			ADDR_WATCHDOG:               held_watchdog: assert(watchdog == Value);
			ADDR_READ_BASE_LO:           held_read_base: assert(read_base[31:0] == Value);
			ADDR_READ_BASE_HI:           held_read_base_high: assert(read_base[63:32] == Value);
			ADDR_READ_LIMIT_LO:          held_read_limit: assert(read_limit[31:0] == Value);
			ADDR_READ_LIMIT_HI:          held_read_limit_high: assert(read_limit[63:32] == Value);
			ADDR_WRITE_BASE_LO:          held_write_base: assert(write_base[31:0] == Value);
			ADDR_WRITE_BASE_HI:          held_write_base_high: assert(write_base[63:32] == Value);
			ADDR_WRITE_LIMIT_LO:         held_write_limit: assert(write_limit[31:0] == Value);
			ADDR_WRITE_LIMIT_HI:         held_write_limit_high: assert(write_limit[63:32] == Value);
			ADDR_RESULT_SLOTS:           held_slots: assert(result_slots == Value);
			ADDR_DESCRIPTOR_ADDRESS_LO:  held_address: assert(descriptor_address[31:0] == Value);
			ADDR_DESCRIPTOR_ADDRESS_HI:  held_address_high: assert(descriptor_address[63:32] == Value);
			ADDR_DESCRIPTOR_BYTES:       held_bytes: assert(descriptor_bytes == Value);
			ADDR_DESCRIPTOR_FRAME_ID:    held_frame_id: assert(descriptor_frame_id == Value);
			ADDR_HISTORY_BASE_LO:        if(INGEST)  held_history: assert(history_base[31:0] == Value);
			ADDR_HISTORY_BASE_HI:        if(INGEST)  held_history_high: assert(history_base[63:32] == Value);
			ADDR_HISTORY_LIMIT_LO:       if(INGEST)  held_history_limit: assert(history_limit[31:0] == Value);
			ADDR_HISTORY_LIMIT_HI:       if(INGEST)  held_history_limit_high: assert(history_limit[63:32] == Value);
			ADDR_DESCRIPTOR_PLANE_SIZE:  if(INGEST)  held_plane_size: assert(plane_size == Value);
			ADDR_DESCRIPTOR_PLANE_USE:   if(INGEST)  held_plane_use: assert(plane_use == Value);
			ADDR_CONTROL:                held_run: assert(32'(run) == Value);
			ADDR_IRQ_ENABLE:             held_enable: assert(32'(IrqEnable) == Value);
			default: ;
		endcase
		flags_kept: assert(Error == Flags);
		causes_kept: assert(IrqStatus == Causes);
		if(was_reset)  reset_leaves_nothing: assert(!s_axil_bvalid && !s_axil_rvalid && !run && !irq);

		flag_survives_its_clear: cover(write && (At == ADDR_ERROR) && Data[ERROR_WRITE_WINDOW_LSB] && error.WRITE_WINDOW
			&& Flags.WRITE_WINDOW);
		flag_cleared: cover(write && (At == ADDR_ERROR) && Data[ERROR_WRITE_WINDOW_LSB] && Flags.WRITE_WINDOW
			&& !error.WRITE_WINDOW);
		refused_while_running: cover(write && (At == Watch) && only_idle && Run);
		refused_while_busy: cover(write && (At == Watch) && only_idle && !Run && busy);
		reads_back: cover(s_axil_rvalid && Known && stored && (s_axil_rdata == 32'hA5000001));
		interrupt: cover(irq);
	end

	// The interrupt: one cycle behind its causes.
	logic  Raised;
	always_ff @(posedge clk)  Raised <= !reset && |(Causes & IrqEnable);
	always_comb if(rst_n)  interrupt_follows: assert(irq == Raised);

endmodule : axil_registers_properties

bind axil_registers axil_registers_properties #(
	.BUILD_HASH(BUILD_HASH), .INPUT_BYTES(INPUT_BYTES), .STREAMS(STREAMS), .SHAPE_HASH(SHAPE_HASH),
	.IMAGE_BYTES(IMAGE_BYTES), .INGEST(INGEST), .HISTORY_BYTES(HISTORY_BYTES)
)  properties(.*);

`default_nettype wire
