// Answers with Netty's HTTP codec; Groovy needs no compiler in the image.
import groovy.json.JsonOutput
import io.netty.bootstrap.ServerBootstrap
import io.netty.buffer.Unpooled
import io.netty.channel.*
import io.netty.channel.nio.NioEventLoopGroup
import io.netty.channel.socket.nio.NioServerSocketChannel
import io.netty.handler.codec.http.*
import io.netty.util.Version

class Answers extends SimpleChannelInboundHandler<FullHttpRequest> {
    static final VERSION = Version.identify()['netty-codec-http'].artifactVersion()
    static final BODIES = [
        '/': [framework: 'netty', version: VERSION, language: 'java'],
        '/healthz': 'ok',
    ]

    void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
        def body = BODIES[request.uri()]
        def response = new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            body ? HttpResponseStatus.OK : HttpResponseStatus.NOT_FOUND,
            Unpooled.wrappedBuffer(JsonOutput.toJson(body).bytes)
        )
        response.headers().set('Content-Type', 'application/json')
        response.headers().setInt('Content-Length', response.content().readableBytes())
        HttpUtil.setKeepAlive(response, HttpUtil.isKeepAlive(request))
        def written = context.writeAndFlush(response)
        if (!HttpUtil.isKeepAlive(request)) {
            written.addListener(ChannelFutureListener.CLOSE)
        }
    }
}

class Pipeline extends ChannelInitializer<Channel> {
    void initChannel(Channel channel) {
        channel.pipeline().addLast(
            new HttpServerCodec(), new HttpObjectAggregator(65536), new Answers()
        )
    }
}

def bootstrap = new ServerBootstrap()
    .group(new NioEventLoopGroup(2))
    .channel(NioServerSocketChannel)
    .childHandler(new Pipeline())
def port = (System.getenv('PORT') ?: '8080').toInteger()
bootstrap.bind('0.0.0.0', port).sync().channel().closeFuture().sync()
