// SPDX-License-Identifier: BSD-3-Clause
// From luma planes in memory to the core's `motion` input, byte for byte what model/preprocess.py makes of them.
//
// Function    A plane is the address of its first byte, its stride, width and height. It is checked (plane_geometry),
//             its part that the network sees is read (plane_read) and shrunk by box averages (box_average), and each
//             stream's last images are kept in memory: HISTORY_BYTES a stream from `history_base` on, a pixel after the
//             other in four bytes, of which a new image overwrites the oldest (dma_write, with the strobes of its lane).
//             With `run`, all four are read back (dma_read), the newest three make the input (motion_pixels), and
//             `tag` goes beside every beat of it. `restart` forgets the stream's images before this one, `whole` sees
//             all of the plane. `done` pulses when an image has been kept.
// Faults      A plane that is refused is told of (`error_size`, `error_stride`, `error_window`: plane_geometry), not
//             read, and its stream's images are forgotten: the next one begins a clip. `run` without two images before
//             it in the clip is told of by `error_history`; the image is kept, no input made. Where the histories do
//             not lie in [history_base, history_limit), `error_limit` pulses; memory's own faults are `error_read` and
//             `error_write`. After these three it stays stopped until `stop` has been raised and lowered.
// Order       Inputs come in the order of their planes. An image is shrunk while the input of the one before it is still
//             read back: it fills the fourth lane. The next but one of that stream would fill one of the three, and waits
//             until all bursts of that input have been issued; as memory answers in order, its own words come behind.
// Stop        As dma_read and dma_write, and all streams' images are forgotten: then STREAMS cycles pass.
// Throughput  As box_average reads, and for each image some 100 cycles for plane_geometry, memory's latency, and what
//             dma_write takes for the last line.
// Latency     From the last image's last word to the first beat: its last line's writing, and reading it all back.
`default_nettype none

module ingest #(
	parameter int unsigned WIDTH           = 112,	// of the input, 8 or above
	parameter int unsigned HEIGHT          = 80,	// WIDTH * HEIGHT is even
	parameter int unsigned MAX_WIDTH       = 4096,	// of a plane, below 8192
	parameter int unsigned MAX_HEIGHT      = 2304,
	parameter int unsigned STREAMS         = 2,	// or above
	parameter int unsigned ADDR_WIDTH      = 33,	// a bit more than the bus has, so that no window's limit wraps
	parameter int unsigned TAG_BITS        = 1,
	parameter int unsigned MAX_BURST_BEATS = 16,
	parameter int unsigned WRITE_BURST     = 16,
	parameter int unsigned FIFO_WORDS      = 512	// between memory and each reader
)(
	input  wire                        clk,
	input  wire                        rst_n,

	input  wire                        stop,
	output wire                        quiet,
	output wire                        busy,	// a plane was taken, and its image not kept or its input not delivered

	input  wire [ADDR_WIDTH-1:0]       read_base,	// of the planes
	input  wire [ADDR_WIDTH-1:0]       read_limit,
	input  wire [ADDR_WIDTH-1:0]       history_base,	// a multiple of 8
	input  wire [ADDR_WIDTH-1:0]       history_limit,

	output logic                       error_size,
	output logic                       error_stride,
	output logic                       error_window,
	output logic                       error_history,
	output wire                        error_limit,
	output wire                        error_read,
	output wire                        error_write,
	output wire                        done,

	input  wire [ADDR_WIDTH-1:0]       s_plane_address,
	input  wire [15:0]                 s_plane_stride,
	input  wire [15:0]                 s_plane_width,
	input  wire [15:0]                 s_plane_height,
	input  wire [$clog2(STREAMS)-1:0]  s_plane_stream,	// below STREAMS
	input  wire                        s_plane_restart,
	input  wire                        s_plane_run,
	input  wire                        s_plane_whole,
	input  wire [TAG_BITS-1:0]         s_plane_tag,
	input  wire                        s_plane_tvalid,
	output wire                        s_plane_tready,

	output wire [2:0][7:0]             m_tdata,
	output wire                        m_first,
	output wire                        m_last,
	output wire [TAG_BITS-1:0]         m_tag,
	output wire                        m_tvalid,
	input  wire                        m_tready,

	output wire [ADDR_WIDTH-1:0]       m_axi_araddr,
	output wire [7:0]                  m_axi_arlen,
	output wire                        m_axi_arvalid,
	input  wire                        m_axi_arready,
	input  wire [63:0]                 m_axi_rdata,
	input  wire [1:0]                  m_axi_rresp,
	input  wire                        m_axi_rlast,
	input  wire                        m_axi_rvalid,
	output wire                        m_axi_rready,
	output wire [ADDR_WIDTH-1:0]       m_axi_awaddr,
	output wire [7:0]                  m_axi_awlen,
	output wire                        m_axi_awvalid,
	input  wire                        m_axi_awready,
	output wire [63:0]                 m_axi_wdata,
	output wire [7:0]                  m_axi_wstrb,
	output wire                        m_axi_wlast,
	output wire                        m_axi_wvalid,
	input  wire                        m_axi_wready,
	input  wire [1:0]                  m_axi_bresp,
	input  wire                        m_axi_bvalid,
	output wire                        m_axi_bready
);
	localparam int unsigned  SIZE_BITS = 13;
	localparam int unsigned  MOST_COLUMNS = MAX_WIDTH / WIDTH + 1;	// of a box
	localparam int unsigned  MOST_ROWS = MAX_HEIGHT / HEIGHT + 1;
	localparam int unsigned  COLUMN_BITS = $clog2(MOST_COLUMNS + 1);
	localparam int unsigned  ROW_BITS = $clog2(MOST_ROWS + 1);
	localparam int unsigned  AREA_BITS = $clog2(MOST_COLUMNS * MOST_ROWS + 1);
	localparam int unsigned  STREAM_BITS = $clog2(STREAMS);
	localparam int unsigned  HISTORY_BYTES = 4 * WIDTH * HEIGHT;
	localparam int unsigned  PIXELS_WAIT = 64;	// while dma_write sends a burst

	initial begin
		if(WIDTH < 8 || HEIGHT < 2 || WIDTH * HEIGHT % 2 != 0)
			$error("%m: WIDTH = %0d must be 8 or above, HEIGHT = %0d 2, and their product even.", WIDTH, HEIGHT);
		if(STREAMS < 2)  $error("%m: STREAMS = %0d must be 2 or above.", STREAMS);
	end

	typedef enum logic [2:0] { FORGET, WAIT, REFUSED, START, SHRINK, KEPT, RUN } state_e;
	state_e  State;
	wire  work_n = rst_n && !stop;

	//-----------------------------------------------------------------------
	// A plane, and what is kept of it.
	logic [15:0]             Stride;
	logic [STREAM_BITS-1:0]  Stream;
	logic                    Restart;
	logic                    Run;
	logic [TAG_BITS-1:0]     Tag;

	wire  wait_for_input;
	wire  wrong_size, wrong_stride, wrong_window;
	wire [ADDR_WIDTH-1:0]      part_address;
	wire [SIZE_BITS-1:0]       part_columns, part_rows;
	wire [COLUMN_BITS-1:0]     column_least;
	wire [$clog2(WIDTH)-1:0]   column_more;
	wire [ROW_BITS-1:0]        row_least;
	wire [$clog2(HEIGHT)-1:0]  row_more;
	wire [AREA_BITS-1:0]       area;
	plane_geometry #(
		.ADDR_WIDTH(ADDR_WIDTH), .WIDTH(WIDTH), .HEIGHT(HEIGHT), .MAX_WIDTH(MAX_WIDTH), .MAX_HEIGHT(MAX_HEIGHT),
		.SIZE_BITS(SIZE_BITS), .COLUMN_BITS(COLUMN_BITS), .ROW_BITS(ROW_BITS), .AREA_BITS(AREA_BITS)
	) geometry (
		.clk, .rst_n(work_n), .read_base, .read_limit,
		.s_plane_address, .s_plane_stride, .s_plane_width, .s_plane_height, .s_plane_whole,
		.s_plane_tvalid(s_plane_tvalid && State == WAIT && !wait_for_input), .s_plane_tready,
		.error_size(wrong_size), .error_stride(wrong_stride), .error_window(wrong_window),
		.address(part_address), .columns(part_columns), .rows(part_rows),
		.column_least, .column_more, .row_least, .row_more, .area
	);
	wire  take = s_plane_tvalid && s_plane_tready;
	wire  refuse = wrong_size || wrong_stride || wrong_window;
	always_ff @(posedge clk) begin
		if(!work_n) begin
			error_size <= 1'b0;
			error_stride <= 1'b0;
			error_window <= 1'b0;
		end
		else begin
			error_size <= take && wrong_size;
			error_stride <= take && wrong_stride;
			error_window <= take && wrong_window;
		end
	end
	always_ff @(posedge clk) begin
		if(take) begin
			Stride <= s_plane_stride;
			Stream <= s_plane_stream;
			Restart <= s_plane_restart;
			Run <= s_plane_run;
			Tag <= s_plane_tag;
		end
	end

	//-----------------------------------------------------------------------
	// How many images of each stream's clip are kept, up to three, and the newest one's lane.
	typedef struct packed {
		logic [1:0]  lane;
		logic [1:0]  images;
	} kept_t;
	(* ram_style = "distributed" *)
	kept_t  Kept[2**STREAM_BITS];
	logic [STREAM_BITS-1:0]  Forgotten;
	wire kept_t  kept = Kept[Stream];
	wire kept_t  after = '{
		lane: kept.lane + 2'd1,
		images: Restart? 2'd1 : kept.images + 2'(kept.images != 2'd3)
	};
	wire  ready = after.images == 2'd3;
	always_ff @(posedge clk) begin
		if(State == FORGET)        Kept[Forgotten] <= '0;
		else if(State == REFUSED)  Kept[Stream] <= '{lane: kept.lane, images: '0};
		else if(State == KEPT)     Kept[Stream] <= after;
	end

	//-----------------------------------------------------------------------
	// One after the other: the plane's part and the record are taken once in SHRINK.
	wire  pixels_valid;
	logic  PartTaken;
	logic  RecordTaken;
	wire  part_ready, record_ready, input_ready;
	wire  input_busy;
	assign  busy = (State != WAIT && State != FORGET) || input_busy || pixels_valid;	// it may be given planes, or will be

	logic [STREAM_BITS-1:0]  InputStream;	// of the last input
	logic  Since;	// an image of it was kept behind that one
	assign  wait_for_input = !input_ready && Since && s_plane_stream == InputStream;
	always_ff @(posedge clk) begin
		if(!work_n || State == RUN)  Since <= 1'b0;
		else if(State == KEPT && Stream == InputStream)  Since <= 1'b1;
	end
	always_ff @(posedge clk)  if(State == RUN)  InputStream <= Stream;
	always_ff @(posedge clk) begin
		if(!work_n) begin
			State <= FORGET;
			Forgotten <= '0;
			error_history <= 1'b0;
		end
		else begin
			if(State == FORGET)  Forgotten <= Forgotten + 1'b1;
			error_history <= State == KEPT && Run && !ready;
			unique case(State)
			FORGET:  if(Forgotten == STREAM_BITS'(STREAMS - 1))  State <= WAIT;
			WAIT:    if(take)  State <= refuse? REFUSED : START;
			START:   State <= SHRINK;
			SHRINK:  if(done)  State <= KEPT;
			KEPT:    State <= Run && ready? RUN : WAIT;
			RUN:     if(input_ready)  State <= WAIT;
			default: State <= WAIT;
			endcase
		end
	end
	always_ff @(posedge clk) begin
		if(State == START) begin
			PartTaken <= 1'b0;
			RecordTaken <= 1'b0;
		end
		if(State == SHRINK && part_ready)    PartTaken <= 1'b1;
		if(State == SHRINK && record_ready)  RecordTaken <= 1'b1;
	end

	//-----------------------------------------------------------------------
	// From the plane to its image.
	wire [63:0]  word;
	wire  word_valid, word_ready;
	wire [ADDR_WIDTH-1:0]  plane_araddr;
	wire [7:0]   plane_arlen;
	wire  plane_arvalid, plane_arready, plane_rvalid;
	wire [63:0]  rdata;
	wire [1:0]   rresp;
	wire  rlast;
	wire  plane_quiet, write_quiet, read_quiet, plane_response, read_response;
	plane_read #(
		.ADDR_WIDTH(ADDR_WIDTH), .SIZE_BITS(SIZE_BITS), .STRIDE_BITS(16),
		.MAX_BURST_BEATS(MAX_BURST_BEATS), .FIFO_WORDS(FIFO_WORDS)
	) plane_reader (
		.clk, .rst_n, .stop, .quiet(plane_quiet), .error_response(plane_response),
		.s_part_address(part_address), .s_part_stride(Stride), .s_part_columns(part_columns), .s_part_rows(part_rows),
		.s_part_tvalid(State == SHRINK && !PartTaken), .s_part_tready(part_ready),
		.m_tdata(word), .m_tvalid(word_valid), .m_tready(word_ready),
		.m_axi_araddr(plane_araddr), .m_axi_arlen(plane_arlen), .m_axi_arvalid(plane_arvalid),
		.m_axi_arready(plane_arready), .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast),
		.m_axi_rvalid(plane_rvalid),
		/* verilator lint_off PINCONNECTEMPTY */	// always high
		.m_axi_rready()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	wire [7:0]  mean, pixel;
	wire  mean_valid, mean_ready, pixel_valid, pixel_ready;
	box_average #(
		.WIDTH(WIDTH), .HEIGHT(HEIGHT), .COLUMN_BITS(COLUMN_BITS), .ROW_BITS(ROW_BITS), .AREA_BITS(AREA_BITS)
	) average (
		.clk, .rst_n(work_n), .start(State == START), .offset(part_address[2:0]), .step(Stride[2:0]),
		.column_least, .column_more, .row_least, .row_more, .area,
		.s_tdata(word), .s_tvalid(word_valid), .s_tready(word_ready),
		.m_tdata(mean), .m_tvalid(mean_valid), .m_tready(mean_ready)
	);
	lutram_fifo #(.WIDTH($bits(mean)), .DEPTH(PIXELS_WAIT)) pixels (
		.clk, .rst_n(work_n),
		.s_tdata(mean), .s_tvalid(mean_valid), .s_tready(mean_ready),
		.m_tdata(pixel), .m_tvalid(pixel_valid), .m_tready(pixel_ready),
		/* verilator lint_off PINCONNECTEMPTY */	// nobody asks how many wait
		.level()
		/* verilator lint_on PINCONNECTEMPTY */
	);

	//-----------------------------------------------------------------------
	// Two pixels make a word: each in all four lanes, of which the strobes choose one.
	logic [7:0]  Low;
	logic        HaveLow;
	logic [1:0]  Lane;	// stays while dma_write has a word on offer, also in a stop
	logic [ADDR_WIDTH-1:0]  HistoryOffset;
	wire  record_taken = State == SHRINK && !RecordTaken && record_ready;
	wire [ADDR_WIDTH-1:0]  origin = {history_base[ADDR_WIDTH-1:3], 3'b000};
	wire [ADDR_WIDTH-1:0]  history = origin + HistoryOffset;
	wire  pair_ready;
	assign  pixel_ready = !HaveLow || pair_ready;
	always_ff @(posedge clk) begin
		if(!work_n || State == START)         HaveLow <= 1'b0;
		else if(pixel_valid && pixel_ready)  HaveLow <= !HaveLow;
	end
	always_ff @(posedge clk) begin
		if(!HaveLow)  Low <= pixel;
		if(record_taken)  Lane <= after.lane;
		HistoryOffset <= ADDR_WIDTH'(Stream) * ADDR_WIDTH'(HISTORY_BYTES);
	end

	wire [7:0]  wstrb;
	wire  write_window;
	assign  m_axi_wstrb = wstrb & {2{4'b0001 << Lane}};
	dma_write #(
		.ADDR_WIDTH(ADDR_WIDTH), .RECORD_BYTES(HISTORY_BYTES), .MAX_BURST_BEATS(WRITE_BURST)
	) writer (
		.clk, .rst_n, .stop, .quiet(write_quiet),
		/* verilator lint_off PINCONNECTEMPTY */	// as long as the state is SHRINK
		.busy(),
		/* verilator lint_on PINCONNECTEMPTY */
		.write_base(origin), .write_limit(history_limit),
		.error_window(write_window), .error_response(error_write), .done,
		.s_record_address(history), .s_record_tvalid(State == SHRINK && !RecordTaken), .s_record_tready(record_ready),
		.s_tdata({{4{pixel}}, {4{Low}}}), .s_tvalid(pixel_valid && HaveLow), .s_tready(pair_ready),
		.m_axi_awaddr, .m_axi_awlen, .m_axi_awvalid, .m_axi_awready,
		.m_axi_wdata, .m_axi_wstrb(wstrb), .m_axi_wlast, .m_axi_wvalid, .m_axi_wready,
		.m_axi_bresp, .m_axi_bvalid, .m_axi_bready
	);

	//-----------------------------------------------------------------------
	// From the images to the input.
	wire [3:0][7:0]  lanes;
	wire  lanes_valid, lanes_ready, lanes_first, lanes_last;
	wire [1:0]  lane;
	wire [TAG_BITS-1:0]  lanes_tag;
	wire [ADDR_WIDTH-1:0]  read_araddr;
	wire [7:0]  read_arlen;
	wire  read_arvalid, read_arready, read_rvalid, read_window;
	dma_read #(
		.ADDR_WIDTH(ADDR_WIDTH), .INPUT_BYTES(HISTORY_BYTES), .IN_ELEMENTS(4),
		.MAX_BURST_BEATS(MAX_BURST_BEATS), .FIFO_WORDS(FIFO_WORDS), .TAG_BITS(TAG_BITS + 2)
	) reader (
		.clk, .rst_n, .stop, .quiet(read_quiet), .busy(input_busy), .read_base(origin), .read_limit(history_limit), .error_window(read_window), .error_response(read_response),
		.s_descriptor_address(history), .s_descriptor_tag({kept.lane, Tag}),
		.s_descriptor_tvalid(State == RUN), .s_descriptor_tready(input_ready),
		.m_tdata(lanes), .m_tvalid(lanes_valid), .m_tready(lanes_ready),
		.m_first(lanes_first), .m_last(lanes_last), .m_tag({lane, lanes_tag}),
		.m_axi_araddr(read_araddr), .m_axi_arlen(read_arlen), .m_axi_arvalid(read_arvalid),
		.m_axi_arready(read_arready), .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast),
		.m_axi_rvalid(read_rvalid),
		/* verilator lint_off PINCONNECTEMPTY */	// always high
		.m_axi_rready()
		/* verilator lint_on PINCONNECTEMPTY */
	);
	motion_pixels #(.TAG_BITS(TAG_BITS + 2)) motion (
		.clk, .rst_n(work_n),
		.s_tdata(lanes), .s_lane(lane), .s_tag({lanes_tag, lanes_first, lanes_last}),
		.s_tvalid(lanes_valid), .s_tready(lanes_ready),
		.m_tdata, .m_tag({m_tag, m_first, m_last}), .m_tvalid(pixels_valid), .m_tready
	);
	assign  m_tvalid = pixels_valid && !stop;

	//-----------------------------------------------------------------------
	// Both readers at one port: the input's first, as the core waits for it.
	axi_read_arbiter #(.PORTS(2), .ADDR_WIDTH(ADDR_WIDTH), .BURSTS(8)) arbiter (
		.clk, .rst_n,
		.s_axi_araddr({plane_araddr, read_araddr}), .s_axi_arlen({plane_arlen, read_arlen}),
		.s_axi_arvalid({plane_arvalid, read_arvalid}), .s_axi_arready({plane_arready, read_arready}),
		.s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rlast(rlast), .s_axi_rvalid({plane_rvalid, read_rvalid}),
		.m_axi_araddr, .m_axi_arlen, .m_axi_arvalid, .m_axi_arready,
		.m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready
	);
	assign  quiet = plane_quiet && write_quiet && read_quiet;
	assign  error_limit = write_window || read_window;
	assign  error_read = plane_response || read_response;
	wire  unused = &{1'b0, history_base[2:0]};	// a multiple of 8

endmodule : ingest

`default_nettype wire
