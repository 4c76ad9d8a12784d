// SPDX-License-Identifier: BSD-3-Clause
// Everything around the core: registers, descriptor queue, frames in by DMA, records out by DMA, counters, watchdog,
// interrupt, soft reset.
//
//   AXI-Lite -- axil_registers -- descriptors -- dma_read ==> core ==> result_writer -- dma_write -- AXI
//                                      |           |   in flight: id, context, start   ^
//                                      |           +-----------------------------------+
//                                      +-------- dma_read -- model_loader -- the core's load stream
//                                      +-------- ingest ==> core, of planes; its images beside the records to memory
//
// Function    A frame enters the core only while its id, context and start cycle have room in a queue beside the core.
//             Latency is measured there: cycles from the first input beat taken to the last output beat taken.
//             Descriptors of frames and of model images wait in one queue. An image's turn comes when all frames before it
//             have left the core; no frame enters while it is loaded, and none while there is no model: it is dropped.
//             With several banks of weights a frame needs the model of its own alone, which its context names for the core.
//             With INGEST there are descriptors of planes as well. Planes and frames take turns at memory's read port, a
//             plane's turn comes when all frames before it are in the core, and the other way round: so they enter in order.
//             A soft reset stops both DMAs, waits until nothing is outstanding on the memory port, and then holds
//             the core and all else but the register port in reset for HOLD cycles.
// Throughput  A beat a cycle in each direction, 8 bytes a cycle from memory: a core that takes more than 8 bytes a beat
//             waits for some of them, for how long depends on the frame's alignment by a cycle.
// Latency     A descriptor reaches the memory port some cycles after its push; the core's input and output pass
//             without a register.
`default_nettype none

module shell
	import context_pkg::*;
	import chip_pkg::*;
#(
	parameter logic [31:0]  BUILD_HASH       = '0,
	parameter int unsigned  INPUT_HEIGHT     = 32,
	parameter int unsigned  INPUT_WIDTH      = 32,
	parameter int unsigned  INPUT_CHANNELS   = 3,
	parameter int unsigned  INPUT_BYTES      = 3072,
	parameter int unsigned  IN_ELEMENTS      = 3,	// bytes a beat to the core
	parameter int unsigned  OUTPUT_LOGITS    = 4,
	parameter int unsigned  OUT_ELEMENTS     = 1,	// logits a beat from the core
	parameter int unsigned  OUT_ELEMENT_BITS = 24,
	parameter int unsigned  RECORD_BYTES     = record_bytes(OUTPUT_LOGITS),
	parameter int unsigned  STREAMS          = 1,
	parameter int unsigned  FRAME_INTERVAL   = 1,
	parameter int unsigned  AXI_ADDR_WIDTH   = 32,
	parameter int unsigned  AXI_MAX_BURST    = ZYNQ7_READ_BURST,	// beats: what the memory port takes
	parameter int unsigned  AXI_WRITE_BURST  = ZYNQ7_WRITE_BURST,	// beats: so many words wait in LUTs, AXI_MAX_BURST at most
	parameter int unsigned  FIFO_WORDS       = 512,	// of 64 bits, between memory and core
	parameter logic [31:0]  SHAPE_HASH       = '0,
	parameter logic [31:0]  MODEL_HASH       = '0,	// of what the core has after power-on, 0 for nothing
	parameter int unsigned  LOAD_WORDS       = 1,	// of the core's load stream
	parameter int unsigned  MODELS           = 1,	// banks of weights
	parameter bit           INGEST           = 1'b0,	// descriptors of planes; then INPUT_CHANNELS and IN_ELEMENTS are 3
	localparam int unsigned CONTEXT_BITS     = $bits(context_t) + (MODELS > 1? $clog2(MODELS) : 0)
)(
	input  wire  clk,
	input  wire  rst_n,
	output wire  irq,

	input  wire [11:0]  s_axil_awaddr,
	input  wire         s_axil_awvalid,
	output wire         s_axil_awready,
	input  wire [31:0]  s_axil_wdata,
	input  wire [ 3:0]  s_axil_wstrb,
	input  wire         s_axil_wvalid,
	output wire         s_axil_wready,
	output wire [ 1:0]  s_axil_bresp,
	output wire         s_axil_bvalid,
	input  wire         s_axil_bready,
	input  wire [11:0]  s_axil_araddr,
	input  wire         s_axil_arvalid,
	output wire         s_axil_arready,
	output wire [31:0]  s_axil_rdata,
	output wire [ 1:0]  s_axil_rresp,
	output wire         s_axil_rvalid,
	input  wire         s_axil_rready,

	output wire [AXI_ADDR_WIDTH-1:0]  m_axi_awaddr,
	output wire [ 7:0]  m_axi_awlen,
	output wire         m_axi_awvalid,
	input  wire         m_axi_awready,
	output wire [63:0]  m_axi_wdata,
	output wire [ 7:0]  m_axi_wstrb,
	output wire         m_axi_wlast,
	output wire         m_axi_wvalid,
	input  wire         m_axi_wready,
	input  wire [ 1:0]  m_axi_bresp,
	input  wire         m_axi_bvalid,
	output wire         m_axi_bready,
	output wire [AXI_ADDR_WIDTH-1:0]  m_axi_araddr,
	output wire [ 7:0]  m_axi_arlen,
	output wire         m_axi_arvalid,
	input  wire         m_axi_arready,
	input  wire [63:0]  m_axi_rdata,
	input  wire [ 1:0]  m_axi_rresp,
	input  wire         m_axi_rlast,
	input  wire         m_axi_rvalid,
	output wire         m_axi_rready,

	// The core
	output logic        core_rst_n,
	output wire [8*IN_ELEMENTS-1:0]  m_core_tdata,
	output wire         m_core_tvalid,
	input  wire         m_core_tready,
	output wire [CONTEXT_BITS-1:0]  m_core_ctx_tdata,	// the bank, if there are several, and a context_t
	output wire         m_core_ctx_tvalid,
	input  wire         m_core_ctx_tready,
	output wire [MODELS-1:0]  load_begins,
	output wire [31:0]  m_load_tdata,
	output wire         m_load_tvalid,
	input  wire [OUT_ELEMENTS*OUT_ELEMENT_BITS-1:0]  s_core_tdata,
	input  wire         s_core_tvalid,
	output wire         s_core_tready
);
	localparam int unsigned  IMAGE_BYTES = 4*(LOAD_WORDS + 5);	// model_loader says what is around the core's words
	localparam int unsigned  HISTORY_BYTES = INGEST? 4*INPUT_HEIGHT*INPUT_WIDTH : 0;	// of a stream, as ingest keeps it
	localparam int unsigned  HOLD = 16;	// cycles of a soft reset
	localparam int unsigned  HOLD_BITS = $clog2(HOLD+1);
	typedef struct packed {
		context_t  ctx;
		logic [31:0]  frame_id;
	} tag_t;	// what goes beside a frame's bytes
	typedef logic [DESCRIPTOR_CONTEXT_BANK_BITS-1:0]  bank_t;
	localparam int unsigned  TAG_BITS = CONTEXT_BITS - $bits(context_t) + $bits(tag_t);	// above it the bank, if there are several
	localparam int unsigned  BANK_BITS = MODELS > 1? $clog2(MODELS) : 1;
	typedef struct packed {
		logic [31:0]  size;
		logic [31:0]  way;
	} plane_t;	// what a plane's descriptor has beside the address, as in the registers
	// One bit more than the bus has: it stands for all the register bits above, so that no address wraps into the window.
	localparam int unsigned  ABITS = AXI_ADDR_WIDTH + 1;

	initial begin
		if((AXI_ADDR_WIDTH < 13) || (AXI_ADDR_WIDTH > 63))
			$error("%m: AXI_ADDR_WIDTH = %0d must be 13 to 63.", AXI_ADDR_WIDTH);
		if(AXI_WRITE_BURST > AXI_MAX_BURST)
			$error("%m: AXI_WRITE_BURST = %0d must be AXI_MAX_BURST = %0d at most.", AXI_WRITE_BURST, AXI_MAX_BURST);
		if((MODELS < 1) || (MODELS > 2**$bits(bank_t)))
			$error("%m: MODELS = %0d must be 1 to %0d.", MODELS, 2**$bits(bank_t));
		if((STREAMS < 1) || (STREAMS > MAX_STREAMS))
			$error("%m: STREAMS = %0d must be 1 to %0d.", STREAMS, MAX_STREAMS);
		if(INGEST && ((INPUT_CHANNELS != 3) || (IN_ELEMENTS != 3)))
			$error("%m: INPUT_CHANNELS = %0d and IN_ELEMENTS = %0d must be 3 for INGEST.", INPUT_CHANNELS, IN_ELEMENTS);
	end

	function automatic logic [ABITS-1:0] bus_address(input logic [63:0] address);
		bus_address = {|address[63:AXI_ADDR_WIDTH], address[AXI_ADDR_WIDTH-1:0]};
	endfunction : bus_address

	function automatic logic [ABITS-1:0] bus_limit(input logic [63:0] limit);
		bus_limit = |limit[63:AXI_ADDR_WIDTH]? {1'b1, {AXI_ADDR_WIDTH{1'b0}}} : {1'b0, limit[AXI_ADDR_WIDTH-1:0]};
	endfunction : bus_limit

	//-----------------------------------------------------------------------
	// Reset and halt
	wire   soft_reset;
	wire   frames_quiet, image_quiet, planes_quiet, records_quiet;
	wire   read_quiet = frames_quiet && image_quiet && planes_quiet;
	wire   write_quiet = records_quiet;	// ingest's own writes are in planes_quiet
	wire   frames_response, image_response, records_response, frames_window, image_window, write_window, watchdog_fires;
	wire   plane_read_response, plane_write_response, plane_window, plane_size, plane_stride, plane_history, history_window;
	wire   read_response = frames_response || image_response || plane_read_response;
	wire   write_response = records_response || plane_write_response;
	wire   read_window = frames_window || image_window || plane_window;
	logic  Resetting;
	logic  Halted;
	logic [HOLD_BITS-1:0]  Hold;	// cycles left in reset
	wire   stop = Resetting || Halted;
	wire   block_rst_n = rst_n && (Hold == '0);

	always_ff @(posedge clk) begin
		if(!rst_n) begin
			Resetting <= 1'b0;
			Hold <= '0;
		end
		else begin
			if(soft_reset)  Resetting <= 1'b1;
			if(Hold != '0) begin
				Hold <= Hold - 1'b1;
				if(Hold == 1)  Resetting <= 1'b0;
			end
			else if(Resetting && read_quiet && write_quiet)  Hold <= HOLD_BITS'(HOLD);
		end
	end
	always_ff @(posedge clk) begin
		if(!block_rst_n)  Halted <= 1'b0;
		else if(read_response || write_response || write_window || history_window || watchdog_fires)  Halted <= 1'b1;
	end
	wire   loader_resets_core;
	always_ff @(posedge clk)  core_rst_n <= block_rst_n && !loader_resets_core;

	//-----------------------------------------------------------------------
	// Registers
	wire         run, clear_counters, take, push, push_model, push_plane;
	wire [31:0]  watchdog, result_slots, take_count, descriptor_bytes, descriptor_frame_id;
	wire [63:0]  read_base, read_limit, write_base, write_limit, history_base, history_limit, descriptor_address;
	wire plane_t  descriptor_plane;
	wire context_t  descriptor_context;
	wire         busy, done;
	wire [31:0]  result_level;
	error_t  error;
	logic         WasBusy;
	wire [$clog2(DESCRIPTORS):0]  descriptors_used;
	wire [$clog2(IN_CORE):0]  in_flight;
	wire bank_t  descriptor_bank;
	wire         loading;
	wire [MODELS-1:0]  model_good;
	wire [MODELS-1:0][31:0]  model_hash;
	wire [31:0]  load_cycles;
	logic [63:0]  Cycles, InputStalls, OutputStalls;
	logic [31:0]  FramesDone, LatencyLast, LatencyMin, LatencyMax;
	wire [31:0]  planes_done, plane_cycles_last, plane_cycles_max;
	wire [63:0]  plane_busy;

	axil_registers #(
		.BUILD_HASH(BUILD_HASH),
		.INPUT_HEIGHT(INPUT_HEIGHT), .INPUT_WIDTH(INPUT_WIDTH), .INPUT_CHANNELS(INPUT_CHANNELS),
		.INPUT_BYTES(INPUT_BYTES), .OUTPUT_LOGITS(OUTPUT_LOGITS), .RECORD_BYTES(RECORD_BYTES),
		.STREAMS(STREAMS), .FRAME_INTERVAL(FRAME_INTERVAL), .DESCRIPTOR_SLOTS(DESCRIPTORS),
		.SHAPE_HASH(SHAPE_HASH), .IMAGE_BYTES(IMAGE_BYTES), .MODELS(MODELS), .INGEST(INGEST), .HISTORY_BYTES(HISTORY_BYTES)
	) registers (
		.clk, .rst_n, .clear(!block_rst_n),
		.s_axil_awaddr, .s_axil_awvalid, .s_axil_awready, .s_axil_wdata, .s_axil_wstrb, .s_axil_wvalid, .s_axil_wready,
		.s_axil_bresp, .s_axil_bvalid, .s_axil_bready, .s_axil_araddr, .s_axil_arvalid, .s_axil_arready,
		.s_axil_rdata, .s_axil_rresp, .s_axil_rvalid, .s_axil_rready, .irq,
		.run, .soft_reset, .clear_counters, .watchdog, .read_base, .read_limit, .write_base, .write_limit,
		.result_slots, .take, .take_count,
		.push, .descriptor_address, .descriptor_bytes, .descriptor_frame_id, .descriptor_context, .descriptor_bank,
		.push_model,
		.push_plane, .plane_size(descriptor_plane.size), .plane_use(descriptor_plane.way), .history_base, .history_limit,
		.busy, .resetting(Resetting), .halted(Halted), .loading, .in_flight(STATUS_IN_FLIGHT_BITS'(in_flight)),
		.result_event(done), .idle_event(WasBusy && !busy), .error,
		.result_level, .descriptors_used(DESCRIPTOR_LEVEL_USED_BITS'(descriptors_used)),
		.cycles(Cycles), .frames_done(FramesDone),
		.latency_last(LatencyLast), .latency_min(LatencyMin), .latency_max(LatencyMax),
		.input_stalls(InputStalls), .output_stalls(OutputStalls),
		.model_hash((32 * 2**$bits(bank_t))'(model_hash)), .load_cycles,
		.planes_done, .plane_cycles_last, .plane_cycles_max, .plane_busy
	);

	//-----------------------------------------------------------------------
	// Descriptors: checked when pushed, taken while running
	wire  size_wrong = descriptor_bytes != INPUT_BYTES;
	wire  stream_wrong = 32'(descriptor_context.STREAM) >= STREAMS;
	wire  image_wrong = descriptor_bytes != IMAGE_BYTES;
	wire  bank_wrong = 32'(descriptor_bank) >= MODELS;
	wire  queue_ready, queued_valid, queued_model, queued_plane, read_ready, read_busy;
	wire  planes_ready, planes_busy;
	wire [ABITS-1:0]     queued_address;
	wire [TAG_BITS-1:0]  queued_tag;
	wire [BANK_BITS-1:0]  queued_bank = BANK_BITS'(queued_tag >> $bits(tag_t));
	wire  queued_good = model_good[queued_bank];
	wire  go = run && (result_slots != '0) && !stop && !loading;
	wire  in_core;
	wire  image_ready, image_busy;
	wire  planes_idle = !planes_busy && planes_quiet;
	wire  frames_idle = !read_busy && frames_quiet;
	wire  empty = frames_idle && planes_idle && !in_core && !m_core_ctx_tvalid;
	wire  load = go && queued_valid && queued_model && empty && image_ready;
	wire  missing = go && queued_valid && !queued_model && !queued_good;

	wire  accepted = (push && !size_wrong && !stream_wrong) || (push_model && !image_wrong) || (push_plane && !stream_wrong);
	localparam int unsigned  DESCRIPTOR_BITS = 1 + ABITS + TAG_BITS + (INGEST? 1 + $bits(plane_t) : 0);
	wire plane_t  plane;
	wire [DESCRIPTOR_BITS-1:0]  queued;
	assign  {plane, queued_plane, queued_model, queued_address, queued_tag} = {
		($bits(plane_t) + 2 + ABITS + TAG_BITS)'(queued)};
	lutram_fifo #(.WIDTH(DESCRIPTOR_BITS), .DEPTH(DESCRIPTORS)) descriptors (
		.clk, .rst_n(block_rst_n),
		.s_tdata(DESCRIPTOR_BITS'({descriptor_plane, push_plane, push_model, bus_address(descriptor_address),
			TAG_BITS'({descriptor_bank, descriptor_context, descriptor_frame_id})})),
		.s_tvalid(accepted && !bank_wrong), .s_tready(queue_ready),
		.m_tdata(queued), .m_tvalid(queued_valid),
		.m_tready(queued_model? load : missing || (go && (queued_plane? planes_ready : read_ready && planes_idle))),
		.level(descriptors_used)
	);

	/* verilator lint_off UNUSEDSIGNAL */	// the top bit is 0: the windows end below it
	wire [ABITS-1:0]  frames_araddr, input_araddr, image_araddr, records_awaddr, awaddr;
	/* verilator lint_on UNUSEDSIGNAL */
	wire [7:0]  frames_arlen, input_arlen, image_arlen;
	wire  frames_arvalid, input_arvalid, image_arvalid, frames_turn;
	wire  input_arready = m_axi_arready && !loading;
	wire  input_rvalid = m_axi_rvalid && !loading;
	wire [8*IN_ELEMENTS-1:0]  ready_made;
	wire  ready_made_valid, ready_made_first, ready_made_last;
	wire [TAG_BITS-1:0]  ready_made_tag;
	wire  frame_valid, frame_ready, frame_first, frame_last;
	wire [TAG_BITS-1:0]  frame_tag;
	assign  m_axi_araddr = loading? image_araddr[AXI_ADDR_WIDTH-1:0] : input_araddr[AXI_ADDR_WIDTH-1:0];
	assign  m_axi_arlen = loading? image_arlen : input_arlen;
	assign  m_axi_arvalid = loading? image_arvalid : input_arvalid;
	assign  m_axi_rready = 1'b1;	// as both readers have it
	assign  m_axi_awaddr = awaddr[AXI_ADDR_WIDTH-1:0];

	dma_read #(
		.ADDR_WIDTH(ABITS), .INPUT_BYTES(INPUT_BYTES), .IN_ELEMENTS(IN_ELEMENTS),
		.MAX_BURST_BEATS(AXI_MAX_BURST), .FIFO_WORDS(FIFO_WORDS), .TAG_BITS(TAG_BITS)
	) reader (
		.clk, .rst_n(block_rst_n), .stop, .quiet(frames_quiet), .busy(read_busy),
		.read_base(bus_address(read_base)), .read_limit(bus_limit(read_limit)),
		.error_window(frames_window), .error_response(frames_response),
		.s_descriptor_address(queued_address), .s_descriptor_tag(queued_tag),
		.s_descriptor_tvalid(go && queued_valid && !queued_model && !queued_plane && queued_good && planes_idle),
		.s_descriptor_tready(read_ready),
		.m_tdata(ready_made), .m_tvalid(ready_made_valid), .m_tready(frame_ready),
		.m_first(ready_made_first), .m_last(ready_made_last), .m_tag(ready_made_tag),
		.m_axi_araddr(frames_araddr), .m_axi_arlen(frames_arlen), .m_axi_arvalid(frames_arvalid),
		.m_axi_arready(input_arready), .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
		.m_axi_rvalid(input_rvalid && frames_turn),
		/* verilator lint_off PINCONNECTEMPTY */	// always 1
		.m_axi_rready()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	//-----------------------------------------------------------------------
	// Models: the memory port is the image's reader's while it is loaded, and it begins when the other one is quiet.
	wire [31:0]  image_word;
	wire  image_valid, image_take, model_shape, model_crc;

	dma_read #(
		.ADDR_WIDTH(ABITS), .INPUT_BYTES(IMAGE_BYTES), .IN_ELEMENTS(4),
		.MAX_BURST_BEATS(AXI_MAX_BURST), .FIFO_WORDS(2*AXI_MAX_BURST), .TAG_BITS(1)
	) image_reader (
		.clk, .rst_n(block_rst_n), .stop, .quiet(image_quiet), .busy(image_busy),
		.read_base(bus_address(read_base)), .read_limit(bus_limit(read_limit)),
		.error_window(image_window), .error_response(image_response),
		.s_descriptor_address(queued_address), .s_descriptor_tag(1'b0),
		.s_descriptor_tvalid(load), .s_descriptor_tready(image_ready),
		.m_tdata(image_word), .m_tvalid(image_valid), .m_tready(image_take),
		/* verilator lint_off PINCONNECTEMPTY */	// the loader counts the words, and the port is always ready
		.m_first(), .m_last(), .m_tag(), .m_axi_rready(),
		/* verilator lint_on PINCONNECTEMPTY */
		.m_axi_araddr(image_araddr), .m_axi_arlen(image_arlen), .m_axi_arvalid(image_arvalid),
		.m_axi_arready(m_axi_arready && loading), .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
		.m_axi_rvalid(m_axi_rvalid && loading)
	);
	model_loader #(
		.SHAPE_HASH(SHAPE_HASH), .MODEL_HASH(MODEL_HASH), .LOAD_WORDS(LOAD_WORDS), .MODELS(MODELS)
	) loader (
		.clk, .rst_n, .clear(!block_rst_n),
		.begin_load(load), .bank(queued_bank), .give_up(image_window), .busy(loading), .reset_core(loader_resets_core),
		.good(model_good), .model_hash, .cycles(load_cycles), .error_shape(model_shape), .error_crc(model_crc),
		.s_tdata(image_word), .s_tvalid(image_valid), .s_tready(image_take),
		.load_begins, .m_load_tdata, .m_load_tvalid
	);

	//-----------------------------------------------------------------------
	// Records and ingest's images at one write port, planes and frames at one read port.
	wire [7:0]   records_awlen, records_wstrb;
	wire [63:0]  records_wdata;
	wire         records_awvalid, records_awready, records_wlast, records_wvalid, records_wready, records_bvalid;
	if(INGEST) begin : genIngest
		localparam int unsigned  STREAM_BITS = $clog2(STREAMS);
		localparam int unsigned  STREAM_LSB = $bits(tag_t) - $bits(context_t) + DESCRIPTOR_CONTEXT_STREAM_LSB;	// in a tag
		wire  plane_valid = go && queued_valid && queued_plane && queued_good && frames_idle;
		wire [23:0]  pixel;
		wire  pixel_valid, pixel_first, pixel_last, kept;
		wire [TAG_BITS-1:0]  pixel_tag;
		wire [ABITS-1:0]  araddr, images_awaddr;
		wire [7:0]   arlen, images_awlen, images_wstrb;
		wire         arvalid, images_awvalid, images_awready, images_wlast, images_wvalid, images_wready, images_bvalid;
		wire [63:0]  images_wdata;
		wire [1:0]   bresp;

		ingest #(
			.WIDTH(INPUT_WIDTH), .HEIGHT(INPUT_HEIGHT), .MAX_WIDTH(MAX_PLANE_WIDTH), .MAX_HEIGHT(MAX_PLANE_HEIGHT),
			.STREAMS(STREAMS), .ADDR_WIDTH(ABITS), .TAG_BITS(TAG_BITS),
			.MAX_BURST_BEATS(AXI_MAX_BURST), .WRITE_BURST(AXI_WRITE_BURST), .FIFO_WORDS(FIFO_WORDS)
		) ingest_i (
			.clk, .rst_n(block_rst_n), .stop, .quiet(planes_quiet), .busy(planes_busy),
			.read_base(bus_address(read_base)), .read_limit(bus_limit(read_limit)),
			.history_base(bus_address(history_base)), .history_limit(bus_limit(history_limit)),
			.error_size(plane_size), .error_stride(plane_stride), .error_window(plane_window),
			.error_history(plane_history), .error_limit(history_window),
			.error_read(plane_read_response), .error_write(plane_write_response), .done(kept),
			.s_plane_address(queued_address), .s_plane_stride(plane.way[DESCRIPTOR_PLANE_USE_STRIDE_LSB +: 16]),
			.s_plane_width(plane.size[DESCRIPTOR_PLANE_SIZE_WIDTH_LSB +: 16]),
			.s_plane_height(plane.size[DESCRIPTOR_PLANE_SIZE_HEIGHT_LSB +: 16]),
			.s_plane_stream(STREAM_BITS'(queued_tag >> STREAM_LSB)),
			.s_plane_restart(plane.way[DESCRIPTOR_PLANE_USE_RESTART_LSB]), .s_plane_run(plane.way[DESCRIPTOR_PLANE_USE_RUN_LSB]),
			.s_plane_whole(plane.way[DESCRIPTOR_PLANE_USE_WHOLE_LSB]), .s_plane_tag(queued_tag),
			.s_plane_tvalid(plane_valid), .s_plane_tready(planes_ready),
			.m_tdata(pixel), .m_first(pixel_first), .m_last(pixel_last), .m_tag(pixel_tag),
			.m_tvalid(pixel_valid), .m_tready(frame_ready),
			.m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arvalid(arvalid),
			.m_axi_arready(input_arready),
			.m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid(input_rvalid && !frames_turn),
			/* verilator lint_off PINCONNECTEMPTY */	// always 1
			.m_axi_rready(), .m_axi_bready(),
			/* verilator lint_on PINCONNECTEMPTY */
			.m_axi_awaddr(images_awaddr), .m_axi_awlen(images_awlen),
			.m_axi_awvalid(images_awvalid), .m_axi_awready(images_awready),
			.m_axi_wdata(images_wdata), .m_axi_wstrb(images_wstrb), .m_axi_wlast(images_wlast),
			.m_axi_wvalid(images_wvalid), .m_axi_wready(images_wready), .m_axi_bresp(bresp), .m_axi_bvalid(images_bvalid)
		);
		// Each is given a descriptor only when the other one has nothing to do, and asks for nothing by then.
		assign  frames_turn = !frames_idle;
		assign  input_araddr = frames_turn? frames_araddr : araddr;
		assign  input_arlen = frames_turn? frames_arlen : arlen;
		assign  input_arvalid = frames_turn? frames_arvalid : arvalid;
		assign  m_core_tdata = frames_turn? ready_made : pixel;
		assign  frame_valid = frames_turn? ready_made_valid : pixel_valid;
		assign  frame_first = frames_turn? ready_made_first : pixel_first;
		assign  frame_last = frames_turn? ready_made_last : pixel_last;
		assign  frame_tag = frames_turn? ready_made_tag : pixel_tag;

		axi_write_arbiter #(.PORTS(2), .ADDR_WIDTH(ABITS), .BURSTS(8)) writes (	// records first: they free the core
			.clk, .rst_n(block_rst_n),
			.s_axi_awaddr({images_awaddr, records_awaddr}), .s_axi_awlen({images_awlen, records_awlen}),
			.s_axi_awvalid({images_awvalid, records_awvalid}), .s_axi_awready({images_awready, records_awready}),
			.s_axi_wdata({images_wdata, records_wdata}), .s_axi_wstrb({images_wstrb, records_wstrb}),
			.s_axi_wlast({images_wlast, records_wlast}), .s_axi_wvalid({images_wvalid, records_wvalid}),
			.s_axi_wready({images_wready, records_wready}), .s_axi_bresp(bresp), .s_axi_bvalid({images_bvalid, records_bvalid}),
			.m_axi_awaddr(awaddr), .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
			.m_axi_wdata, .m_axi_wstrb, .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
			.m_axi_bresp, .m_axi_bvalid, .m_axi_bready
		);

		// A plane's turn begins when it waits and the one before it has been kept or refused.
		logic [31:0]  Done, Since, Last, Most;
		logic [63:0]  Busy;
		logic  Inside;	// it was taken, and is neither kept nor refused
		logic  New;	// Last is: compared a cycle later
		wire  refused = plane_size || plane_stride || plane_window;
		wire  waits = plane_valid || Inside;
		always_ff @(posedge clk) begin
			if(!block_rst_n)  Inside <= 1'b0;
			else if(plane_valid && planes_ready)  Inside <= 1'b1;
			else if(kept || refused)  Inside <= 1'b0;
		end
		always_ff @(posedge clk) begin
			if(!block_rst_n || !waits || kept || refused)  Since <= '0;
			else  Since <= Since + 1;
		end
		always_ff @(posedge clk) begin
			if(!block_rst_n || clear_counters) begin
				Done <= RESET_PLANES_DONE;
				Last <= RESET_PLANE_CYCLES_LAST;
				Most <= RESET_PLANE_CYCLES_MAX;
				Busy <= '0;
				New <= 1'b0;
			end
			else begin
				New <= kept;
				if(kept) begin
					Done <= Done + 1;
					Last <= Since;
				end
				if(New && (Last > Most))  Most <= Last;
				if(waits)  Busy <= Busy + 1;
			end
		end
		assign  planes_done = Done;
		assign  plane_cycles_last = Last;
		assign  plane_cycles_max = Most;
		assign  plane_busy = Busy;
		wire  unused = &{1'b0, plane.way[31:DESCRIPTOR_PLANE_USE_WHOLE_LSB+1]};	// 0
	end : genIngest
	else begin : genReadyMade
		assign  {planes_quiet, planes_busy, planes_ready, frames_turn} = 4'b1001;
		assign  {plane_size, plane_stride, plane_window, plane_history, history_window} = '0;
		assign  {plane_read_response, plane_write_response} = '0;
		assign  {planes_done, plane_cycles_last, plane_cycles_max, plane_busy} = '0;
		assign  input_araddr = frames_araddr;
		assign  input_arlen = frames_arlen;
		assign  input_arvalid = frames_arvalid;
		assign  m_core_tdata = ready_made;
		assign  frame_valid = ready_made_valid;
		assign  frame_first = ready_made_first;
		assign  frame_last = ready_made_last;
		assign  frame_tag = ready_made_tag;
		assign  awaddr = records_awaddr;
		assign  m_axi_awlen = records_awlen;
		assign  m_axi_awvalid = records_awvalid;
		assign  records_awready = m_axi_awready;
		assign  m_axi_wdata = records_wdata;
		assign  m_axi_wstrb = records_wstrb;
		assign  m_axi_wlast = records_wlast;
		assign  m_axi_wvalid = records_wvalid;
		assign  records_wready = m_axi_wready;
		assign  records_bvalid = m_axi_bvalid;
		assign  m_axi_bready = 1'b1;	// as the writer has it
		wire  unused = &{1'b0, plane, history_base, history_limit};
	end : genReadyMade

	//-----------------------------------------------------------------------
	// Beside the core: what a frame's record needs, and the contexts that the core has not taken yet
	wire  flight_ready, contexts_ready;
	wire [31:0]  start;
	wire tag_t  done_tag;
	wire  out_last;
	wire  room = flight_ready && contexts_ready;

	assign  m_core_tvalid = frame_valid && (!frame_first || room);
	assign  frame_ready = m_core_tready && (!frame_first || room);
	wire  in_beat = m_core_tvalid && m_core_tready;
	wire  out_beat = s_core_tvalid && s_core_tready;
	wire  enters = in_beat && frame_first;
	wire  leaves = out_beat && out_last;

	logic [31:0]  Now;
	always_ff @(posedge clk) begin
		if(!block_rst_n)  Now <= '0;
		else              Now <= Now + 1;
	end
	wire [31:0]  latency = Now - start;

	lutram_fifo #(.WIDTH($bits(tag_t) + 32), .DEPTH(IN_CORE)) flight (
		.clk, .rst_n(block_rst_n),
		.s_tdata({Now, frame_tag[$bits(tag_t)-1:0]}), .s_tvalid(enters), .s_tready(flight_ready),
		.m_tdata({start, done_tag}), .m_tvalid(in_core), .m_tready(leaves),
		.level(in_flight)
	);
	lutram_fifo #(.WIDTH(CONTEXT_BITS), .DEPTH(IN_CORE)) contexts (
		.clk, .rst_n(block_rst_n),
		.s_tdata(frame_tag[TAG_BITS-1 -: CONTEXT_BITS]), .s_tvalid(enters), .s_tready(contexts_ready),
		.m_tdata(m_core_ctx_tdata), .m_tvalid(m_core_ctx_tvalid), .m_tready(m_core_ctx_tready),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many wait
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	//-----------------------------------------------------------------------
	// Records
	wire  result_full, result_underflow, writer_busy, write_busy;
	wire  record_valid, record_ready, word_valid, word_ready;
	wire [63:0]  record_address, word;

	result_writer #(
		.OUTPUT_LOGITS(OUTPUT_LOGITS), .OUT_ELEMENTS(OUT_ELEMENTS), .OUT_ELEMENT_BITS(OUT_ELEMENT_BITS),
		.RECORD_BYTES(RECORD_BYTES)
	) writer (
		.clk, .rst_n(block_rst_n),
		.s_tdata(s_core_tdata), .s_tvalid(s_core_tvalid), .s_tready(s_core_tready), .s_last(out_last),
		.info_frame_id(done_tag.frame_id), .info_context(done_tag.ctx), .info_latency(latency),
		.base(write_base), .slots(result_slots), .take, .take_count, .level(result_level),
		.full(result_full), .underflow(result_underflow), .busy(writer_busy),
		.m_record_address(record_address), .m_record_tvalid(record_valid), .m_record_tready(record_ready),
		.m_tdata(word), .m_tvalid(word_valid), .m_tready(word_ready), .done
	);

	dma_write #(
		.ADDR_WIDTH(ABITS), .RECORD_BYTES(RECORD_BYTES), .MAX_BURST_BEATS(AXI_WRITE_BURST)
	) dma_writer (
		.clk, .rst_n(block_rst_n), .stop, .quiet(records_quiet), .busy(write_busy),
		.write_base(bus_address(write_base)), .write_limit(bus_limit(write_limit)),
		.error_window(write_window), .error_response(records_response), .done,
		.s_record_address(bus_address(record_address)), .s_record_tvalid(record_valid), .s_record_tready(record_ready),
		.s_tdata(word), .s_tvalid(word_valid), .s_tready(word_ready),
		.m_axi_awaddr(records_awaddr), .m_axi_awlen(records_awlen),
		.m_axi_awvalid(records_awvalid), .m_axi_awready(records_awready),
		.m_axi_wdata(records_wdata), .m_axi_wstrb(records_wstrb), .m_axi_wlast(records_wlast),
		.m_axi_wvalid(records_wvalid), .m_axi_wready(records_wready), .m_axi_bresp, .m_axi_bvalid(records_bvalid),
		/* verilator lint_off PINCONNECTEMPTY */	// always 1
		.m_axi_bready()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	//-----------------------------------------------------------------------
	// Watchdog: the core holds frames, no beat moves, and it is not the core that is waited for by nobody.
	logic [31:0]  Still;
	wire  moves = in_beat || out_beat || (m_core_ctx_tvalid && m_core_ctx_tready);
	wire  still = in_core && !moves && !s_core_tvalid && (watchdog != '0) && !stop;
	assign  watchdog_fires = still && (Still + 1 == watchdog);
	always_ff @(posedge clk) begin
		if(!block_rst_n || !still)  Still <= '0;
		else                        Still <= Still + 1;
	end

	//-----------------------------------------------------------------------
	// Status, errors and counters
	assign  busy = queued_valid || read_busy || planes_busy || image_busy || loading || in_core || writer_busy || write_busy;
	always_ff @(posedge clk) begin
		if(!block_rst_n)  WasBusy <= 1'b0;
		else              WasBusy <= busy;
	end

	always_comb begin
		error = '0;
		error.READ_RESPONSE = read_response;
		error.WRITE_RESPONSE = write_response;
		error.READ_WINDOW = read_window;
		error.WRITE_WINDOW = write_window;
		error.FRAME_SIZE = push && size_wrong;
		error.STREAM = (push || push_plane) && stream_wrong;
		error.DESCRIPTOR_OVERFLOW = (push || push_model || push_plane) && !queue_ready;
		error.RESULT_FULL = result_full;
		error.WATCHDOG = watchdog_fires;
		error.RESULT_UNDERFLOW = result_underflow;
		error.MODEL_SIZE = push_model && image_wrong;
		error.MODEL_SHAPE = model_shape || (push_model && bank_wrong);
		error.MODEL_CRC = model_crc;
		error.MODEL_MISSING = missing || ((push || push_plane) && bank_wrong);
		error.PLANE_SIZE = plane_size;
		error.PLANE_STRIDE = plane_stride;
		error.PLANE_HISTORY = plane_history;
		error.HISTORY_WINDOW = history_window;
	end

	logic  InFrame;	// the core has the first beat of a frame, and not the last
	always_ff @(posedge clk) begin
		if(!block_rst_n)  InFrame <= 1'b0;
		else if(in_beat)  InFrame <= !frame_last;
	end

	logic  Left;	// LatencyLast is new: compared a cycle later, as subtraction and comparison make a long path
	always_ff @(posedge clk) begin
		if(!block_rst_n || clear_counters) begin
			Left <= 1'b0;
			Cycles <= '0;
			FramesDone <= RESET_FRAMES_DONE;
			LatencyLast <= RESET_LATENCY_LAST;
			LatencyMin <= RESET_LATENCY_MIN;
			LatencyMax <= RESET_LATENCY_MAX;
			InputStalls <= '0;
			OutputStalls <= '0;
		end
		else begin
			Left <= leaves;
			Cycles <= Cycles + 1;
			if(done)  FramesDone <= FramesDone + 1;
			if(leaves)  LatencyLast <= latency;
			if(Left && (LatencyLast < LatencyMin))  LatencyMin <= LatencyLast;
			if(Left && (LatencyLast > LatencyMax))  LatencyMax <= LatencyLast;
			if(InFrame && m_core_tready && !frame_valid)  InputStalls <= InputStalls + 1;
			if(s_core_tvalid && !s_core_tready)           OutputStalls <= OutputStalls + 1;
		end
	end

endmodule : shell

`default_nettype wire
